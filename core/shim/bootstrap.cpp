#include "shim/bootstrap.hpp"

#include "base/error.hpp"
#include "ttrpc/proto/bootstrap.pb.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace nacre::shim {
namespace {

namespace wire = containerd::runtime::bootstrap::v1;

constexpr int newest_version = 3;
constexpr int debug_level = -4;

std::optional<wire::BootstrapParams> message_in(const std::string& input, const Arguments& flags) {
  wire::BootstrapParams message;
  if (input.empty() || !message.ParseFromString(input)) return std::nullopt;
  const bool without_flags = flags.id.empty() && !message.instance_id().empty();
  const bool as_flags = message.instance_id() == flags.id && message.namespace_() == flags.namespace_name;
  if (!without_flags && !as_flags) return std::nullopt;
  return message;
}

void require(const std::string& value, const char* option) {
  if (value.empty()) throw Error(ErrorCode::invalid_argument, "run without option", option);
}

} // namespace

Bootstrap read_bootstrap(Arguments flags, const std::string& input, const char* max_version) {
  Bootstrap read{std::move(flags), "", Bootstrap::Answer::address, 2};
  if (const auto message = message_in(input, read.arguments)) {
    read.arguments.id = message->instance_id();
    read.arguments.namespace_name = message->namespace_();
    read.arguments.debug |= message->log_level() <= debug_level;
    if (const auto& address = message->containerd_grpc_address(); !address.empty())
      read.arguments.address = address;
    read.events_address = message->containerd_ttrpc_address();
    read.answer = Bootstrap::Answer::message;
    read.version = newest_version;
  } else if (const int version = max_version ? std::atoi(max_version) : 0; version >= 2) {
    read.answer = Bootstrap::Answer::json;
    read.version = std::min(version, newest_version);
  }
  require(read.arguments.id, "-id");
  require(read.arguments.namespace_name, "-namespace");
  return read;
}

std::string start_answer(const Bootstrap& bootstrap, const std::string& socket_path) {
  const std::string address = "unix://" + socket_path;
  if (bootstrap.answer == Bootstrap::Answer::address) return address;
  if (bootstrap.answer == Bootstrap::Answer::json)
    return R"({"version":)" + std::to_string(bootstrap.version) + R"(,"address":")" + address +
           R"(","protocol":"ttrpc"})";
  wire::BootstrapResult result;
  result.set_version(bootstrap.version);
  result.set_address(address);
  result.set_protocol("ttrpc");
  return result.SerializeAsString();
}

} // namespace nacre::shim
