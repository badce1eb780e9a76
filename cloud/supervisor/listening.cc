#include "cloud/supervisor/listening.h"

#include <boost/asio/io_context.hpp>
#include <unistd.h>

namespace starling::cloud {
namespace {

using boost::asio::ip::tcp;

constexpr int kBacklog = 4096;

Status Failure(const boost::system::error_code& error, const std::string& where) {
  if (error == boost::asio::error::address_in_use) {
    return {ErrorCode::kUnavailable, where + " is taken by another process; choose another port"};
  }
  return {ErrorCode::kIoError, "cannot listen on " + where + ": " + error.message()};
}

Result<tcp::endpoint> EndpointOf(const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return Status(ErrorCode::kInvalidArgument, "\"" + host + "\" is not an address to listen on");
  return tcp::endpoint(address, port);
}

}  // namespace

Result<int> ListenOn(const std::string& host, std::uint16_t port) {
  const Result<tcp::endpoint> endpoint = EndpointOf(host, port);
  if (!endpoint.ok()) return endpoint.status();
  boost::system::error_code error;
  boost::asio::io_context context;
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.value().protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint.value(), error);
  if (!error) acceptor.listen(kBacklog, error);
  const int descriptor = error ? -1 : acceptor.release(error);
  if (error) return Failure(error, host + ":" + std::to_string(port));
  return descriptor;
}

Status Listen(const std::string& host, std::uint16_t port, std::optional<int> listening, tcp::acceptor* acceptor) {
  const Result<tcp::endpoint> endpoint = EndpointOf(host, port);
  if (!endpoint.ok()) return endpoint.status();
  if (!listening) {
    const Result<int> made = ListenOn(host, port);
    if (!made.ok()) return made.status();
    listening = made.value();
  }
  boost::system::error_code error;
  acceptor->assign(endpoint.value().protocol(), *listening, error);
  if (!error) return {};
  ::close(*listening);
  return Failure(error, host + ":" + std::to_string(port));
}

}  // namespace starling::cloud
