#include "qmp.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstring>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace nacre::qemu {
namespace json = boost::json;

namespace {

constexpr std::size_t deepest_nesting = 16; // query-pci and query-cpus-fast need 6

// Threads of a plugin take no signals (hypervisor.h); a new thread inherits the mask.
std::thread start_without_signals(std::function<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

std::string words_of(const json::object& error) {
  const auto* text = error.if_contains("desc");
  if (text == nullptr || !text->is_string()) return "an error without words";
  const std::string_view words = text->get_string();
  return std::string(words.substr(0, 400));
}

std::string command_line(std::string_view command, json::object arguments, std::uint64_t id) {
  json::object message{{"execute", command}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = std::move(arguments);
  return json::serialize(message) + "\n";
}

} // namespace

Qmp::Qmp(sdk::Fd socket)
    : socket_(std::move(socket)),
      changed_(sdk::check_errno(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "make an eventfd")) {}

Qmp::~Qmp() {
  ::shutdown(socket_.get(), SHUT_RDWR); // ends the reader's recv
  if (reader_.joinable()) reader_.join();
}

void Qmp::listen(Listener listener) {
  listener_ = std::move(listener);
  reader_ = start_without_signals([this] { read_lines(); });
}

void Qmp::read_lines() {
  std::string pending;
  char buffer[16384];
  try {
    while (true) {
      const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return close_with("QEMU closed its QMP connection");
      const std::size_t searched = pending.size();
      pending.append(buffer, static_cast<std::size_t>(count));
      std::size_t start = 0;
      for (auto end = pending.find('\n', searched); end != pending.npos; end = pending.find('\n', start)) {
        take(std::string_view(pending).substr(start, end - start));
        start = end + 1;
      }
      pending.erase(0, start);
      if (pending.size() > longest_line) return close_with("QEMU sent a QMP line longer than 4 MiB");
    }
  } catch (const std::exception& failure) {
    close_with(std::string("QEMU sent what is no QMP: ") + failure.what());
  }
}

void Qmp::take(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  json::parse_options options;
  options.max_depth = deepest_nesting;
  json::object message = json::parse(line, {}, options).as_object();
  if (const auto* event = message.if_contains("event")) {
    static const json::object nothing;
    const auto* data = message.if_contains("data");
    listener_.event(std::string_view(event->as_string()), data ? data->as_object() : nothing);
    return;
  }
  const auto* id = message.if_contains("id");
  if (id && take_posted(id->to_number<std::uint64_t>())) return;
  const std::lock_guard lock(mutex_);
  if (message.contains("QMP")) {
    greeted_ = true;
  } else if (id) {
    const auto found = waiting_.find(id->to_number<std::uint64_t>());
    if (found == waiting_.end()) return; // nobody waits any more
    found->second = {true, std::move(message)};
  }
  ::eventfd_write(changed_.get(), 1);
}

bool Qmp::take_posted(std::uint64_t id) {
  std::function<void()> answered;
  {
    const std::lock_guard lock(mutex_);
    const auto found = posted_.find(id);
    if (found == posted_.end()) return false;
    answered = std::move(found->second);
    posted_.erase(found);
  }
  answered();
  return true;
}

void Qmp::close_with(std::string_view reason) {
  ::shutdown(socket_.get(), SHUT_RDWR);
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    close_reason_ = reason;
    ::eventfd_write(changed_.get(), 1);
  }
  listener_.closed(reason);
}

void Qmp::send(std::string_view line, int fd) {
  const std::lock_guard lock(send_mutex_);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  while (!line.empty()) {
    iovec data{const_cast<char*>(line.data()), line.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw sdk::Error(NACRE_E_UNAVAILABLE, "QEMU does not take QMP commands any more", errno);
    line.remove_prefix(static_cast<std::size_t>(count));
    fd = -1;
  }
}

void Qmp::wait(const sdk::Call& call, std::unique_lock<std::mutex>& lock, const std::function<bool()>& ready,
               std::string_view what) {
  while (!ready()) {
    if (closed_) throw sdk::Error(NACRE_E_UNAVAILABLE, std::string(what) + ": " + close_reason_);
    lock.unlock();
    // Calls on one handle are never concurrent, so there is one waiting thread at most, and it may take the
    // count.
    eventfd_t count = 0;
    try {
      call.wait(changed_.get(), POLLIN);
    } catch (const sdk::Error& failure) {
      throw sdk::Error(failure.code(), std::string(what) + ": " + failure.what(), failure.errno_value());
    }
    ::eventfd_read(changed_.get(), &count);
    lock.lock();
  }
}

void Qmp::negotiate(const sdk::Call& call) {
  {
    std::unique_lock lock(mutex_);
    wait(
        call, lock, [this] { return greeted_; }, "wait for QEMU's greeting");
  }
  execute(call, "qmp_capabilities");
}

json::value Qmp::execute(const sdk::Call& call, std::string_view command, json::object arguments, int fd) {
  const std::string what = "QMP command \"" + std::string(command) + "\"";
  std::unique_lock lock(mutex_);
  const std::uint64_t id = next_id_++;
  if (closed_) throw sdk::Error(NACRE_E_UNAVAILABLE, what + ": " + close_reason_);
  waiting_[id];
  lock.unlock();
  try {
    send(command_line(command, std::move(arguments), id), fd);
    lock.lock();
    wait(
        call, lock, [&] { return waiting_[id].done; }, what);
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    waiting_.erase(id);
    throw;
  }
  const json::object answer = std::move(waiting_[id].message);
  waiting_.erase(id);
  if (const auto* error = answer.if_contains("error"))
    throw sdk::Error(NACRE_E_INTERNAL,
                     what + ": QEMU says: " + (error->is_object() ? words_of(error->get_object()) : "no"));
  const auto* value = answer.if_contains("return");
  return value ? *value : json::value(nullptr);
}

void Qmp::post(std::string_view command, json::object arguments, std::function<void()> answered) {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    id = next_id_++;
    if (answered) posted_[id] = std::move(answered);
  }
  send(command_line(command, std::move(arguments), id), -1);
}

} // namespace nacre::qemu
