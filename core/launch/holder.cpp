#include "launch/holder.hpp"

#include "launch/control_socket.hpp"
#include "launch/launch_error.hpp"
#include "launch/proto/plan.pb.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <random>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace nacre::launch {
namespace {

constexpr int owner_gone = 137;
constexpr int patience_ms = 5000; // for what a living holder does in microseconds

HolderMessage message_of(HolderMessageKind kind, std::uint32_t value) {
  return {static_cast<std::uint32_t>(kind), value, 0, 0, 0};
}

bool send_message(int socket, const HolderMessage& message) {
  return ::send(socket, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(message);
}

bool parse(std::string_view bytes, HolderMessage& message) {
  if (bytes.size() != sizeof(message)) return false;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&message));
  return true;
}

// False when nothing came in time.
bool wait_readable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  int ready;
  while ((ready = ::poll(&wait, 1, patience_ms)) < 0 && errno == EINTR) {
  }
  return ready > 0;
}

bool hung_up(int socket) {
  pollfd state{socket, POLLIN, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

Error no_holder() {
  return Error(ErrorCode::invalid_argument, "adopt holder")
      .because("no holder answers on its control socket");
}

void pass_credentials(int socket, int on) {
  check_errno(::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)),
              "ask for a holder's credentials");
}

} // namespace

std::unique_ptr<Holder> Holder::spawn(const HolderPlan& plan, const std::vector<std::string>& argv,
                                      std::vector<UniqueFd> fds, const std::string& launch_path) {
  if (argv.empty())
    throw Error(ErrorCode::invalid_argument, "start holder").because("the process has no arguments");
  auto [ours, theirs] = make_control_pair();
  send_orders(ours.get(), plan.SerializeAsString(), fds);
  const pid_t pid = start_launch_program(launch_path, "holder", argv, theirs.get());
  theirs.reset();
  fds.clear();
  // From here on its destruction ends the child.
  std::unique_ptr<Holder> holder(new Holder(std::move(ours), true));
  holder->pidfd_ = open_pidfd(pid);
  const auto packet = receive_packet(holder->control_.get());
  HolderReport report;
  if (!packet || !report.ParseFromString(packet->bytes))
    throw LaunchError(Error(ErrorCode::unavailable, "start holder").because("it ended before it was ready"),
                      "holder", "died");
  if (report.failed()) throw to_error("holder", report.failure());
  const auto identity = ProcessIdentity::of(pid);
  if (!identity)
    throw LaunchError(Error(ErrorCode::unavailable, "start holder").because("it was killed"), "holder",
                      "died");
  holder->identity_ = *identity;
  return holder;
}

std::unique_ptr<Holder> Holder::adopt(UniqueFd control) {
  pass_credentials(control.get(), 1);
  const std::uint32_t nonce = std::random_device()();
  if (!send_message(control.get(), message_of(HolderMessageKind::identify, nonce))) throw no_holder();
  std::vector<HolderMessage> early;
  pid_t pid = 0;
  while (pid == 0) {
    if (!wait_readable(control.get())) throw no_holder();
    const auto packet = receive_packet(control.get());
    HolderMessage message;
    if (!packet || !parse(packet->bytes, message)) throw no_holder();
    if (message.kind != static_cast<std::uint32_t>(HolderMessageKind::identity))
      early.push_back(message);
    else if (message.value == nonce)
      pid = packet->sender;
    else
      throw no_holder();
  }
  pass_credentials(control.get(), 0);
  if (pid <= 0) throw no_holder();

  UniqueFd pidfd = open_pidfd(pid);
  const auto identity = ProcessIdentity::of(pid);
  // It holds its end of the socket until it ends: as long as that is open the pid was not used again.
  if (!identity || hung_up(control.get())) throw no_holder();
  std::unique_ptr<Holder> holder(new Holder(std::move(control), false));
  holder->pidfd_ = std::move(pidfd);
  holder->identity_ = *identity;
  holder->early_ = std::move(early);
  return holder;
}

Holder::~Holder() {
  exit(owner_gone);
}

UniqueFd Holder::release_control() noexcept {
  is_child_ = false;
  return std::move(control_);
}

void Holder::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  started_ = true;
  for (const auto& message : std::exchange(early_, {}))
    dispatch(message);
}

void Holder::dispatch(const HolderMessage& message) {
  switch (static_cast<HolderMessageKind>(message.kind)) {
  case HolderMessageKind::signal:
    if (callbacks_.on_signal) callbacks_.on_signal(static_cast<int>(message.value));
    break;
  case HolderMessageKind::resize:
    if (callbacks_.on_resize) callbacks_.on_resize(message.rows, message.columns);
    break;
  case HolderMessageKind::hangup:
    if (callbacks_.on_hangup) callbacks_.on_hangup();
    break;
  default:
    break; // a newer holder's
  }
}

void Holder::handle_readable() {
  while (started_ && control_) {
    HolderMessage message;
    const ssize_t size = ::recv(control_.get(), &message, sizeof(message), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (size <= 0) return ended(true);
    if (size == static_cast<ssize_t>(sizeof(message))) dispatch(message);
  }
}

void Holder::ended(bool tell) {
  reap();
  control_.reset();
  if (tell && callbacks_.on_death) callbacks_.on_death();
}

void Holder::reap() noexcept {
  if (!std::exchange(is_child_, false) || !pidfd_) return;
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

void Holder::exit(int code) noexcept {
  if (!control_) return;
  const auto signal = [this](int number) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
  };
  const bool told =
      send_message(control_.get(), message_of(HolderMessageKind::exit, static_cast<std::uint32_t>(code)));
  if (pidfd_) {
    signal(told ? SIGCONT : SIGKILL); // it may be stopped
    // A frozen cgroup lets it end only when it thaws: then it stays, and whoever reaps it sees the code
    // later.
    if (!wait_readable(pidfd_.get())) is_child_ = false;
  }
  reap();
  control_.reset();
}

} // namespace nacre::launch
