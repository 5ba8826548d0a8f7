#include "tunnel.hpp"

#include "sandbox.hpp"
#include "status.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

namespace nacre::agent {

namespace {

constexpr auto shell = "/bin/busybox";
constexpr std::size_t most_pending_input = 65536;
constexpr char end_of_file = '\x04'; // as typed on a terminal

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
};

Terminal open_terminal() {
  Terminal out;
  out.master.reset(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  char name[64];
  if (!out.master || ::unlockpt(out.master.get()) < 0 ||
      ::ptsname_r(out.master.get(), name, sizeof name) != 0) {
    throw system_error("cannot open", "/dev/ptmx");
  }
  out.slave.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!out.slave) throw system_error("cannot open", name);
  return out;
}

} // namespace

grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>* TunnelStream::begin(Sandbox& sandbox) {
  std::shared_ptr<TunnelStream> stream(new TunnelStream(sandbox));
  stream->self_ = stream;
  stream->StartRead(&stream->incoming_);
  return stream.get();
}

void TunnelStream::OnReadDone(bool ok) {
  if (!ok) {
    end(grpc::Status::OK);
    return;
  }
  const auto status = as_status([&] { handle(incoming_); });
  if (!status.ok()) {
    end(status);
    return;
  }
  StartRead(&incoming_);
}

void TunnelStream::handle(const v1::TunnelFrame& frame) {
  const std::lock_guard lock(mutex_);
  if (frame.has_open()) {
    open(frame.open());
    return;
  }
  if (!master_) {
    if (exited_) return;
    throw Error(Code::invalid_argument, "the first frame of a tunnel must be Open");
  }
  if (input_.size() + frame.data().size() > most_pending_input) {
    throw Error(Code::resource_exhausted, "the debug console's shell does not read its input");
  }
  input_ += frame.data();
  if (frame.eof()) {
    input_ended_ = true;
    input_ += end_of_file;
  }
  write_input();
}

void TunnelStream::open(const v1::TunnelFrame::Open& open) {
  if (open.service() != "debug-console") {
    throw Error(Code::not_found, "tunnel service " + quoted(open.service()) + " is unknown to this guest");
  }
  if (!sandbox_.debug_console) {
    throw Error(Code::permission_denied,
                "the debug console is off: set debug_console_enabled for this sandbox");
  }
  if (master_ || exited_) throw Error(Code::invalid_argument, "the tunnel is open already");
  auto terminal = open_terminal();
  set_terminal_size(terminal.master.get(), open.rows(), open.columns());
  SpawnPlan plan;
  plan.argv = {shell, "sh"};
  plan.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=vt220", "HOME=/", "PS1=guest# "};
  plan.stdio = {terminal.slave.get(), terminal.slave.get(), terminal.slave.get()};
  plan.controlling_terminal = true;
  const Reaper::Births births(sandbox_.reaper);
  const auto pid = spawn(plan);
  master_ = std::move(terminal.master);
  token_ = sandbox_.loop.add(master_.get(), [weak = weak_from_this()](std::uint32_t) {
    if (const auto self = weak.lock()) self->master_ready();
  });
  sandbox_.loop.arm(token_, master_.get(), EPOLLIN);
  // On the loop's thread, since the reaper may already be calling from this one.
  sandbox_.reaper.watch(pid, [weak = weak_from_this(), &loop = sandbox_.loop](std::uint32_t status) {
    loop.after(0, [weak, status] {
      if (const auto self = weak.lock()) self->shell_ended(status);
    });
  });
}

void TunnelStream::master_ready() {
  const std::lock_guard lock(mutex_);
  send_more();
  write_input();
}

void TunnelStream::write_input() {
  while (master_ && !input_.empty()) {
    const auto n = ::write(master_.get(), input_.data(), input_.size());
    if (n < 0) break;
    input_.erase(0, static_cast<std::size_t>(n));
  }
  rearm();
}

void TunnelStream::rearm() {
  if (!master_ || hung_up_) return;
  const std::uint32_t reading = writing_ ? 0U : std::uint32_t{EPOLLIN};
  const std::uint32_t writing = input_.empty() ? 0U : std::uint32_t{EPOLLOUT};
  if ((reading | writing) != 0) sandbox_.loop.arm(token_, master_.get(), reading | writing);
}

// One frame under way at a time: what the host does not take stays in the terminal, and stops the shell.
void TunnelStream::send_more() {
  if (writing_ || ending_) return;
  char bytes[4096];
  const auto n = master_ ? ::read(master_.get(), bytes, sizeof bytes) : 0;
  hung_up_ = n < 0 && errno == EIO; // the shell's side is closed by all who had it
  if (n > 0) {
    // Input that has ended stays at its end: a shell that changes the terminal's mode drops what was typed
    // early.
    if (input_ended_ && input_.empty()) input_ += end_of_file;
    outgoing_.set_data(bytes, static_cast<std::size_t>(n));
  } else if (exited_ && !status_sent_) {
    status_sent_ = true;
    outgoing_.set_exit_status(exit_status_);
  } else {
    if (status_sent_) {
      ending_ = true;
      Finish(grpc::Status::OK);
    }
    return;
  }
  writing_ = true;
  StartWrite(&outgoing_);
}

void TunnelStream::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ending_) {
      Finish(status_);
      return;
    }
    if (ok) {
      send_more();
      rearm();
      return;
    }
  }
  end(grpc::Status::CANCELLED);
}

void TunnelStream::shell_ended(std::uint32_t status) {
  const std::lock_guard lock(mutex_);
  exited_ = true;
  exit_status_ = status;
  send_more();
}

void TunnelStream::OnCancel() {
  end(grpc::Status::CANCELLED);
}

void TunnelStream::OnDone() {
  const auto self = std::move(self_); // the last reference may go here
  const std::lock_guard lock(mutex_);
  close_master();
}

void TunnelStream::end(grpc::Status status) {
  const std::lock_guard lock(mutex_);
  close_master(); // hangs up: the shell and what it runs get SIGHUP
  if (ending_) return;
  ending_ = true;
  status_ = std::move(status);
  if (!writing_) Finish(status_);
}

void TunnelStream::close_master() {
  if (!master_) return;
  sandbox_.loop.remove(token_, master_.get());
  master_.reset();
}

} // namespace nacre::agent
