#include "sim/fleet/cloud_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <exception>
#include <utility>

namespace starling::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using Tcp = asio::ip::tcp;

constexpr std::size_t kAnswerBytesMax = 64 << 20;

std::string Text(const json::value& value) {
  const json::string& text = value.as_string();
  return std::string(text.data(), text.size());
}

// Reads a document with `read`; a library's exception becomes a Status here.
template <typename T, typename Read>
Result<T> ReadDocument(const Result<std::string>& body, Read read) {
  if (!body.ok()) return body.status();
  try {
    return read(json::parse(body.value()));
  } catch (const std::exception& failure) {
    return Status(ErrorCode::kCorruption,
                  std::string("the orchestrator's answer cannot be read: ") + failure.what());
  }
}

void Flatten(const std::string& prefix, const json::value& value, CloudFigures* figures) {
  if (value.is_object()) {
    for (const auto& entry : value.as_object()) {
      const std::string name(entry.key().data(), entry.key().size());
      Flatten(prefix.empty() ? name : prefix + "." + name, entry.value(), figures);
    }
  } else if (value.is_number()) {
    (*figures)[prefix] = value.to_number<double>();
  }
}

}  // namespace

double FigureOf(const CloudFigures& figures, const std::string& name) {
  const auto found = figures.find(name);
  return found == figures.end() ? 0 : found->second;
}

std::uint64_t CountOf(const CloudFigures& figures, const std::string& name) {
  return static_cast<std::uint64_t>(FigureOf(figures, name));
}

struct CloudClient::Connection {
  asio::io_context context;
  beast::tcp_stream stream{context};
  beast::flat_buffer buffer;

  // Runs one asynchronous step to its end; the stream's own timer limits it.
  template <typename Step>
  beast::error_code Finish(Step step) {
    beast::error_code outcome = asio::error::operation_aborted;
    step([&outcome](const beast::error_code& error, auto&&...) { outcome = error; });
    context.restart();
    context.run();
    return outcome;
  }
};

CloudClient::CloudClient(std::string host, std::uint16_t port, milliseconds timeout)
    : host_(std::move(host)), port_(port), timeout_(timeout) {}

CloudClient::~CloudClient() = default;

Result<std::string> CloudClient::Get(const std::string& target) {
  const auto fail = [&](const beast::error_code& error) {
    connection_.reset();
    return Status(ErrorCode::kUnavailable, "http://" + host_ + ":" + std::to_string(port_) +
                                               target + ": " + error.message());
  };
  beast::error_code error;
  const bool kept = connection_ != nullptr;
  if (!kept) {
    connection_ = std::make_unique<Connection>();
    Tcp::resolver resolver(connection_->context);
    const auto endpoints = resolver.resolve(host_, std::to_string(port_), error);
    if (error) return fail(error);
    connection_->stream.expires_after(timeout_);
    error = connection_->Finish([&](auto done) {
      connection_->stream.async_connect(endpoints, std::move(done));
    });
    if (error) return fail(error);
  }
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, host_);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  connection_->stream.expires_after(timeout_);
  error = connection_->Finish([&](auto done) {
    http::async_write(connection_->stream, request, std::move(done));
  });
  if (!error) {
    error = connection_->Finish([&](auto done) {
      http::async_read(connection_->stream, connection_->buffer, parser, std::move(done));
    });
  }
  if (error && kept && !parser.got_some() && error != beast::error::timeout) {
    // A server may end a kept connection at any time; that is no failure yet.
    connection_.reset();
    return Get(target);
  }
  if (error) return fail(error);
  http::response<http::string_body> answer = parser.release();
  if (!answer.keep_alive()) connection_.reset();
  if (answer.result() != http::status::ok) {
    return Status(ErrorCode::kUnavailable, target + ": status " +
                                               std::to_string(answer.result_int()) + ": " +
                                               answer.body().substr(0, 200));
  }
  return std::move(answer.body());
}

Result<CloudFigures> CloudClient::Stats() {
  return ReadDocument<CloudFigures>(Get("/v1/stats"), [](const json::value& document) {
    CloudFigures figures;
    Flatten("", document, &figures);
    return figures;
  });
}

Result<std::vector<PredictedVehicle>> CloudClient::Vehicles(std::size_t first, std::size_t count) {
  const std::string target =
      "/v1/vehicles?first=" + std::to_string(first) + "&count=" + std::to_string(count);
  return ReadDocument<std::vector<PredictedVehicle>>(Get(target), [](const json::value& document) {
    std::vector<PredictedVehicle> vehicles;
    for (const json::value& entry : document.at("vehicles").as_array()) {
      vehicles.push_back({Text(entry.at("name")),
                          CloudTimeFromNs(entry.at("at_ns").to_number<std::int64_t>()),
                          {entry.at("x_m").to_number<double>(), entry.at("y_m").to_number<double>()}});
    }
    return vehicles;
  });
}

Result<std::vector<CloudCell>> CloudClient::Heatmap() {
  return ReadDocument<std::vector<CloudCell>>(Get("/v1/heatmap"), [](const json::value& document) {
    std::vector<CloudCell> cells;
    for (const json::value& entry : document.at("cells").as_array()) {
      cells.push_back({{entry.at("x").to_number<std::int32_t>(), entry.at("y").to_number<std::int32_t>()},
                       entry.at("vehicles").to_number<std::uint32_t>(),
                       entry.at("mean_speed_mps").to_number<double>(),
                       entry.at("congestion").to_number<double>(),
                       entry.at("congested").as_bool()});
    }
    return cells;
  });
}

Result<std::vector<CloudConflict>> CloudClient::Conflicts() {
  return ReadDocument<std::vector<CloudConflict>>(
      Get("/v1/conflicts"), [](const json::value& document) {
        std::vector<CloudConflict> conflicts;
        for (const json::value& entry : document.at("conflicts").as_array()) {
          // A figure that is not finite is null: then the conflict has no time left.
          const json::value& ttc = entry.at("ttc_s");
          conflicts.push_back({Text(entry.at("episode")),
                               {entry.at("x_m").to_number<double>(), entry.at("y_m").to_number<double>()},
                               ttc.is_number() ? ttc.to_number<double>() : 0,
                               entry.at("probability").to_number<double>()});
        }
        return conflicts;
      });
}

}  // namespace starling::sim
