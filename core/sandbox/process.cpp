#include "sandbox/process.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"

#include <csignal>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <utility>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;

// How long a reader may not move after the process's end before the end is reported without it. runc's
// containers end whether or not somebody reads; here at most a window of output is still on its way, and it
// goes on being delivered.
constexpr auto reader_patience = 1000ms;
constexpr auto signal_deadline = 60000ms;

} // namespace

GuestProcess::GuestProcess(agent_client::IoLoop& loop, Agent agent, std::string container_id,
                           std::string exec_id, std::string bundle, bool has_stdin, bool terminal,
                           Callbacks callbacks)
    : loop_(loop), agent_(std::move(agent)), container_id_(std::move(container_id)),
      exec_id_(std::move(exec_id)), bundle_(std::move(bundle)), has_stdin_(has_stdin), terminal_(terminal),
      callbacks_(std::move(callbacks)) {
  state_.container_id = container_id_;
  state_.exec_id = exec_id_;
  state_.bundle = bundle_;
}

std::shared_ptr<GuestProcess> GuestProcess::create(agent_client::IoLoop& loop, Agent agent,
                                                   std::string container_id, std::string exec_id,
                                                   std::string bundle, ProcessIo io, Callbacks callbacks) {
  std::shared_ptr<GuestProcess> process(
      new GuestProcess(loop, std::move(agent), std::move(container_id), std::move(exec_id), std::move(bundle),
                       static_cast<bool>(io.in), io.terminal, std::move(callbacks)));
  winsize size{};
  if (io.terminal && ::ioctl(io.in ? io.in.get() : io.out.get(), TIOCGWINSZ, &size) == 0)
    process->size_ = {size.ws_row, size.ws_col};
  const std::weak_ptr<GuestProcess> weak = process;
  agent_client::StdioEnds ends{std::move(io.in), std::move(io.out), std::move(io.err), io.terminal, {}};
  for (auto& fd : io.descriptors) {
    ends.descriptors.emplace_back(std::move(fd), 3 + ends.descriptors.size());
    process->descriptors_.push_back(ends.descriptors.back().kind);
  }
  process->pump_ = agent_client::StdioPump::create(loop, process->container_id_, process->exec_id_,
                                                   std::move(ends), [weak] {
                                                     const auto self = weak.lock();
                                                     if (!self) return;
                                                     self->drained_ = true;
                                                     self->finish_if_drained();
                                                   });
  return process;
}

GuestProcess::~GuestProcess() {
  if (pump_) pump_->abort(); // none when a descriptor was refused
  loop_.run([this] { forget_holder_watch(); });
}

void GuestProcess::describe_descriptors(
    google::protobuf::RepeatedPtrField<agent_client::v1::PassedDescriptor>& out) const {
  for (const auto kind : descriptors_)
    out.Add()->set_kind(kind);
}

// ---- holder ----

void GuestProcess::take_holder(std::unique_ptr<launch::Holder> holder) {
  {
    const std::lock_guard lock(mutex_);
    state_.pid = holder->pid();
    holder_start_ticks_ = holder->start_ticks();
  }
  loop_.run([&] {
    holder_ = std::move(holder);
    watch_holder();
  });
}

void GuestProcess::watch_holder() {
  const std::weak_ptr<GuestProcess> weak = weak_from_this();
  launch::Holder::Callbacks callbacks;
  callbacks.on_signal = [this](int number) { forward_signal(number); };
  callbacks.on_resize = [this](std::uint16_t rows, std::uint16_t columns) { forward_resize(rows, columns); };
  callbacks.on_hangup = [this] {
    forward_signal(SIGHUP);
    forward_signal(SIGCONT); // what the kernel sends on a hang-up to a stopped session (tty_ioctl(4))
  };
  callbacks.on_death = [this] { holder_died(); };
  const int fd = holder_->fd();
  if (fd >= 0)
    holder_watch_ = loop_.add(fd, EPOLLIN, [weak](std::uint32_t) {
      const auto self = weak.lock();
      if (!self || !self->holder_) return;
      self->holder_->handle_readable();
    });
  holder_->start(std::move(callbacks));
}

void GuestProcess::forget_holder_watch() {
  loop_.remove(holder_watch_);
  holder_watch_ = 0;
}

void GuestProcess::forward_signal(int number) {
  if (exit_seen_) return;
  agent_client::v1::SignalProcessRequest request;
  request.set_container_id(container_id_);
  request.set_exec_id(exec_id_);
  request.set_signal(static_cast<std::uint32_t>(number));
  // That it has ended meanwhile is fine.
  const auto call = [request](agent_client::AgentClient& agent, agent_client::AgentClient::Done done) {
    agent.signal_process_async(request, signal_deadline, std::move(done));
  };
  if (number != SIGKILL) return forward(call);
  if (const auto agent = agent_()) call(*agent, nullptr); // waits for nothing
}

void GuestProcess::forward_resize(std::uint16_t rows, std::uint16_t columns) {
  agent_client::v1::ResizePtyRequest request;
  request.set_container_id(container_id_);
  request.set_exec_id(exec_id_);
  request.set_rows(rows);
  request.set_columns(columns);
  forward([request](agent_client::AgentClient& agent, agent_client::AgentClient::Done done) {
    agent.resize_pty_async(request, signal_deadline, std::move(done));
  });
}

// Calls that are under way together may be served in any order, and an older size or signal that comes after
// a newer one would take its place.
void GuestProcess::forward(Notice notice) {
  notices_.push_back(std::move(notice));
  if (!forwarding_) forward_next();
}

void GuestProcess::forward_next() {
  const auto agent = agent_();
  if (!agent) notices_.clear();
  forwarding_ = !notices_.empty();
  if (!forwarding_) return;
  const auto notice = std::move(notices_.front());
  notices_.pop_front();
  notice(*agent, [weak = weak_from_this(), &loop = loop_](const std::optional<Error>&) {
    loop.post([weak] {
      if (const auto self = weak.lock()) self->forward_next();
    });
  });
}

void GuestProcess::holder_died() {
  forget_holder_watch();
  if (finished_) return;
  callbacks_.holder_died(*this);
  forward_signal(SIGKILL);
}

// ---- state ----

int GuestProcess::pid() const {
  const std::lock_guard lock(mutex_);
  return state_.pid;
}

void GuestProcess::require_holder() const {
  ProcessIdentity holder;
  {
    const std::lock_guard lock(mutex_);
    if (done_) return;
    holder = {state_.pid, holder_start_ticks_};
  }
  if (holder.alive()) return;
  throw Error(ErrorCode::aborted, "keep container", container_id_)
      .because("its process " + std::to_string(holder.pid) + " on the host was killed");
}

std::uint64_t GuestProcess::holder_start_ticks() const {
  const std::lock_guard lock(mutex_);
  return holder_start_ticks_;
}

ProcessState GuestProcess::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool GuestProcess::stopped() const {
  return state().status == ProcessStatus::stopped;
}

bool GuestProcess::ever_started() const {
  const std::lock_guard lock(mutex_);
  return ever_started_;
}

void GuestProcess::started() {
  const std::lock_guard lock(mutex_);
  ever_started_ = true;
  if (state_.status == ProcessStatus::created) state_.status = ProcessStatus::running;
}

void GuestProcess::set_paused(bool paused) {
  const std::lock_guard lock(mutex_);
  if (state_.status == ProcessStatus::stopped) return;
  state_.status = paused          ? ProcessStatus::paused
                  : ever_started_ ? ProcessStatus::running
                                  : ProcessStatus::created;
}

void GuestProcess::on_exit(std::function<void(const ProcessState&)> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!done_) {
      waiting_.push_back(std::move(callback));
      return;
    }
  }
  callback(state());
}

void GuestProcess::wait_stopped() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
}

// ---- stdio ----

void GuestProcess::connect_stdio(std::shared_ptr<agent_client::AgentClient> client) {
  pump_->connect(std::move(client));
}

void GuestProcess::close_stdin() {
  pump_->close_stdin();
}

void GuestProcess::abandon_stdio() {
  pump_->abort();
}

// ---- the end ----

void GuestProcess::exited(std::uint32_t status) {
  loop_.post([self = shared_from_this(), status] {
    if (self->exit_seen_) return;
    self->exit_seen_ = true;
    {
      const std::lock_guard lock(self->mutex_);
      self->state_.exit_status = status;
    }
    self->pump_->process_ended();
    self->finish_if_drained();
    if (!self->finished_) self->watch_readers();
  });
}

void GuestProcess::lost(std::uint32_t status) {
  loop_.run([&] {
    if (finished_) return;
    if (!std::exchange(exit_seen_, true)) {
      const std::lock_guard lock(mutex_);
      state_.exit_status = status;
    }
    pump_->abort();
    finish();
  });
}

// A reader that sleeps does not hold back the exit; what the guest has yet to send is waited for.
void GuestProcess::watch_readers() {
  delivered_before_ = pump_->delivered_bytes();
  loop_.after(reader_patience, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->finished_) return;
    const bool sleeps =
        self->pump_->waits_for_reader() && self->pump_->delivered_bytes() == self->delivered_before_;
    if (sleeps) return self->finish();
    self->watch_readers();
  });
}

void GuestProcess::finish_if_drained() {
  if (exit_seen_ && drained_ && !finished_) finish();
}

void GuestProcess::finish() {
  finished_ = true;
  const auto self = shared_from_this(); // the callbacks may forget us
  {
    const std::lock_guard lock(mutex_);
    state_.status = ProcessStatus::stopped;
    state_.exited_at = std::chrono::system_clock::now();
  }
  callbacks_.stopping(*this);
  forget_holder_watch();
  const auto last = state();
  if (holder_) holder_->exit(static_cast<int>(last.exit_status & 0xff));
  holder_.reset();
  callbacks_.stopped(*this, last);
  std::vector<std::function<void(const ProcessState&)>> waiting;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
    waiting.swap(waiting_);
  }
  changed_.notify_all();
  for (const auto& callback : waiting)
    callback(last);
}

} // namespace nacre::sandbox
