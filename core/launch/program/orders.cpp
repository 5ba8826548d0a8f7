#include "launch/program/orders.hpp"

#include "launch/plan_fields.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

int reply_socket = 3;
ReplyFormat reply_format = ReplyFormat::launch;

void take_descriptors(Orders& orders, msghdr& header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    orders.fd_count = static_cast<int>((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(orders.fds, CMSG_DATA(part), static_cast<std::size_t>(orders.fd_count) * sizeof(int));
  }
}

} // namespace

void set_reply(int socket, ReplyFormat format) {
  reply_socket = socket;
  reply_format = format;
}

void receive_orders(Orders& orders) {
  char byte;
  const ssize_t size = ::recv(orders.socket, &byte, 1, MSG_PEEK | MSG_TRUNC);
  if (size < 0) _exit(1);
  ucred peer{};
  socklen_t peer_size = sizeof(peer);
  if (::getsockopt(orders.socket, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0) orders.parent = peer.pid;

  orders.memory_size = static_cast<std::size_t>(size) + 1;
  orders.memory =
      ::mmap(nullptr, orders.memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (orders.memory == MAP_FAILED) fail("plan", {}, errno);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * descriptors_max)];
  iovec part{orders.memory, orders.memory_size};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const ssize_t taken = ::recvmsg(orders.socket, &header, MSG_CMSG_CLOEXEC);
  if (taken < 0) fail("plan", {}, errno);
  if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
    fail("plan", {}, EMSGSIZE, "orders were cut off on their way");
  orders.plan = Message(static_cast<const char*>(orders.memory), static_cast<std::size_t>(taken));
  take_descriptors(orders, header);
}

void send_packet(std::string_view bytes, const int* fds, int fd_count) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)] = {};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd_count > 0) {
    const std::size_t size = sizeof(int) * static_cast<std::size_t>(fd_count);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), fds, size);
  }
  while (::sendmsg(reply_socket, &header, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void send_reply(std::uint32_t kind, const int* fds, int fd_count) {
  Writer reply;
  reply.number(ReplyField::kind, kind);
  send_packet(reply.bytes(), fds, fd_count);
}

void fail(const char* step, std::string_view object, int error, const char* message) {
  Writer failure;
  failure.text(ReplyField::step, step);
  failure.number(ReplyField::errno_value, static_cast<std::uint64_t>(error));
  failure.text(ReplyField::message, message);
  failure.text(ReplyField::object, object.size() > 2048 ? std::string_view(object.data(), 2048) : object);
  if (reply_format == ReplyFormat::launch) {
    send_packet(failure.bytes());
  } else {
    Writer report;
    report.number(HolderReportField::failed, 1);
    report.text(HolderReportField::failure, failure.bytes());
    send_packet(report.bytes());
  }
  _exit(1);
}

void fail_malformed() {
  fail("plan", {}, EBADMSG);
}

int received_fd(const Orders& orders, std::uint64_t index, const char* step) {
  if (index >= static_cast<std::uint64_t>(orders.fd_count))
    fail(step, {}, EBADF, "the plan names a descriptor that was not sent");
  return orders.fds[index];
}

char* c_string(std::string_view text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) fail("plan", {}, ENOMEM);
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

} // namespace nacre::launch
