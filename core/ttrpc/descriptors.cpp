#include "ttrpc/descriptors.hpp"

#include "base/error.hpp"
#include "base/unix_socket.hpp"
#include "ttrpc/proto/nacre_task.pb.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/random.h>
#include <sys/socket.h>

namespace nacre::ttrpc {
namespace {

constexpr std::size_t payload_max = 4096;

std::vector<UniqueFd> take_descriptors(msghdr& message) {
  std::vector<UniqueFd> taken;
  for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      taken.emplace_back(fd);
    }
  }
  return taken;
}

} // namespace

std::string make_token() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw_errno("read random bytes");
  std::string token;
  for (const auto byte : bytes) {
    token.push_back("0123456789abcdef"[byte >> 4]);
    token.push_back("0123456789abcdef"[byte & 15]);
  }
  return token;
}

std::string descriptor_uri(std::string_view token, std::uint32_t slot) {
  return "fd://" + std::string(token) + "/" + std::to_string(slot);
}

void send_packet(int socket, std::string_view payload, std::span<const int> descriptors) {
  if (descriptors.size() > bundle_descriptors_max)
    throw Error(ErrorCode::invalid_argument, "pass descriptors")
        .because(std::to_string(descriptors.size()) + " are more than the limit of 64");
  iovec part{const_cast<char*>(payload.data()), payload.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(bundle_descriptors_max * sizeof(int))] = {};
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) throw_errno("pass descriptors");
}

Packet receive_packet(int socket, int flags) {
  char bytes[payload_max];
  alignas(cmsghdr) char control[CMSG_SPACE(bundle_descriptors_max * sizeof(int))];
  iovec part{bytes, sizeof(bytes)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t count;
  while ((count = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC)) < 0)
    if (errno != EINTR) throw_errno("receive descriptors");
  Packet packet;
  packet.descriptors = take_descriptors(message);
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
    throw Error(ErrorCode::invalid_argument, "receive descriptors").because("the packet is too large");
  packet.payload.assign(bytes, static_cast<std::size_t>(count));
  packet.end = count == 0 && packet.descriptors.empty();
  return packet;
}

DescriptorConnection DescriptorConnection::connect(const std::string& descriptor_socket_path) {
  return DescriptorConnection(connect_unix(descriptor_socket_path, SOCK_SEQPACKET));
}

std::string DescriptorConnection::send(std::span<const PassedDescriptor> descriptors) {
  nacre::task::v1::FdBundle bundle;
  bundle.set_token(make_token());
  std::vector<int> fds;
  for (const auto& descriptor : descriptors) {
    bundle.add_slots(descriptor.slot);
    fds.push_back(descriptor.fd);
  }
  send_packet(socket_.get(), bundle.SerializeAsString(), fds);
  const auto packet = receive_packet(socket_.get(), 0);
  if (packet.end)
    throw Error(ErrorCode::unavailable, "pass descriptors")
        .because("the sandbox process closed the connection");
  nacre::task::v1::FdBundleReply reply;
  if (!reply.ParseFromString(packet.payload))
    throw Error(ErrorCode::internal, "pass descriptors").because("the answer is no FdBundleReply");
  if (!reply.accepted()) throw Error(ErrorCode::invalid_argument, "pass descriptors").because(reply.error());
  return bundle.token();
}

} // namespace nacre::ttrpc
