// Sockets that listen, made here or by the process before.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "common/status.h"

namespace starling::cloud {

// A socket that listens on a numeric address, port 0: any free one; not closed on fork.
// While it is open the kernel takes connections, also while nobody accepts them: 4,096,
// or net.core.somaxconn if that is less.
//
// Errors: kInvalidArgument for the address; kUnavailable if the port is taken; kIoError.
Result<int> ListenOn(const std::string& host, std::uint16_t port);

// Gives the acceptor a socket that listens there: `listening`, which it then owns, or
// without one a new one.
//
// Errors: as ListenOn; the acceptor stays closed.
Status Listen(const std::string& host, std::uint16_t port, std::optional<int> listening,
              boost::asio::ip::tcp::acceptor* acceptor);

}  // namespace starling::cloud
