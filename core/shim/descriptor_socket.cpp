#include "shim/descriptor_socket.hpp"

#include "base/error.hpp"
#include "ttrpc/proto/nacre_task.pb.h"

#include <algorithm>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace nacre::shim {
namespace {

constexpr std::size_t connections_max = 64;
constexpr std::size_t bundles_max = 256;

bool is_token(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

} // namespace

DescriptorSocket::DescriptorSocket(ttrpc::EventLoop& loop, std::function<void(const std::string&)> log)
    : loop_(loop), log_(std::move(log)) {}

DescriptorSocket::~DescriptorSocket() {
  if (listener_) loop_.remove(listener_.get());
  for (const auto& [number, socket] : connections_)
    loop_.remove(number);
}

void DescriptorSocket::listen(UniqueFd listening_socket) {
  listener_ = std::move(listening_socket);
  loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
}

void DescriptorSocket::accept_one() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return;
  if (connections_.size() >= connections_max)
    log_("refused a descriptor connection: 64 are open");
  else
    add_connection(std::move(socket));
}

void DescriptorSocket::add_connection(UniqueFd socket) {
  const int number = socket.get();
  connections_[number] = std::move(socket);
  loop_.add(number, EPOLLIN, [this, number](std::uint32_t) { readable(number); });
}

void DescriptorSocket::readable(int connection) {
  nacre::task::v1::FdBundleReply reply;
  try {
    auto packet = ttrpc::receive_packet(connection, MSG_DONTWAIT);
    if (packet.end) return close(connection);
    reply.set_error(store(connection, std::move(packet)));
    reply.set_accepted(reply.error().empty());
    ttrpc::send_packet(connection, reply.SerializeAsString(), {});
  } catch (const Error& error) {
    if (error.error_number() == EAGAIN) return;
    if (error.error_number() != ECONNRESET && error.error_number() != EPIPE)
      log_(std::string("closed a descriptor connection: ") + error.what());
    close(connection);
  }
}

std::string DescriptorSocket::store(int connection, ttrpc::Packet packet) {
  nacre::task::v1::FdBundle message;
  if (!message.ParseFromString(packet.payload)) return "the packet is no FdBundle";
  if (!is_token(message.token())) return "the token is not 32 lower-case hex digits";
  if (static_cast<std::size_t>(message.slots_size()) != packet.descriptors.size())
    return std::to_string(message.slots_size()) + " slots are named and " +
           std::to_string(packet.descriptors.size()) + " descriptors came";
  Bundle bundle{connection, {}};
  for (int i = 0; i < message.slots_size(); ++i)
    if (!bundle.descriptors.emplace(message.slots(i), std::move(packet.descriptors[i])).second)
      return "slot " + std::to_string(message.slots(i)) + " is named twice";
  const std::lock_guard lock(mutex_);
  if (bundles_.size() >= bundles_max) return "too many bundles wait for their call";
  if (!bundles_.emplace(message.token(), std::move(bundle)).second) return "the token is in use";
  return {};
}

DescriptorBundle DescriptorSocket::take(const std::string& token) {
  const std::lock_guard lock(mutex_);
  const auto found = bundles_.find(token);
  if (found == bundles_.end())
    throw Error(ErrorCode::not_found, "take the descriptors of token", token)
        .because("no connection that is open has sent them");
  auto descriptors = std::move(found->second.descriptors);
  bundles_.erase(found);
  return descriptors;
}

void DescriptorSocket::close(int connection) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(bundles_,
                  [connection](const auto& entry) { return entry.second.connection == connection; });
  }
  loop_.remove(connection);
  connections_.erase(connection);
}

} // namespace nacre::shim
