#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/console.hpp"
#include "cli/exec_process.hpp"
#include "cli/foreground.hpp"
#include "cli/holder_plan.hpp"
#include "cli/interruptible.hpp"
#include "cli/output.hpp"
#include "cli/passed_stdio.hpp"
#include "oci/container_id.hpp"
#include "oci/file_io.hpp"
#include "oci/state.hpp"
#include "ttrpc/address.hpp"

#include <boost/json/serialize.hpp>

#include <limits>
#include <unistd.h>

namespace nacre::cli {
namespace {

struct ExecPlan {
  oci::State container;
  oci::ProcessDocument process;
  std::string pid_file;
  std::string console_socket;
  std::size_t preserve_fds = 0;
  bool detach = false;
};

// One exec from its holder to its start; undone unless it has started.
class Execution {
public:
  explicit Execution(ExecPlan plan) : plan_(std::move(plan)), exec_id_(ttrpc::make_token()) {
    if (!plan_.console_socket.empty()) console_ = ConsoleSocket::connect(plan_.console_socket);
    task_ = ttrpc::TaskClient::connect(plan_.container.socket);
    descriptors_ =
        ttrpc::DescriptorConnection::connect(ttrpc::descriptor_socket_path(plan_.container.socket));
  }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;
  ~Execution() {
    if (!started_ && has_pid_file_) ::unlink(plan_.pid_file.c_str());
  }

  void start(SignalWatch& signals);
  int wait(SignalWatch& signals); // in the foreground; the exit code
  bool detached() const noexcept { return plan_.detach; }

private:
  void make_terminal();
  void add(SignalWatch& signals);

  ExecPlan plan_;
  std::string exec_id_;
  std::optional<ConsoleSocket> console_;
  std::optional<ttrpc::TaskClient> task_;
  std::optional<ttrpc::DescriptorConnection> descriptors_;
  Pty pty_;
  std::unique_ptr<launch::Holder> holder_; // ends with 137 when the exec was not started
  bool has_pid_file_ = false;
  bool started_ = false;
};

void Execution::make_terminal() {
  if (!plan_.process.process.terminal) return;
  auto size = plan_.process.process.console_size;
  if (!size && !console_) size = terminal_size(STDIN_FILENO);
  pty_ = Pty::open(size);
}

void Execution::add(SignalWatch& signals) {
  auto passed = passed_stdio(pty_.slave.get(), plan_.preserve_fds);
  passed.push_back({ttrpc::slot_holder, holder_->control_fd()});
  const auto token = descriptors_->send(passed);
  close_preserved_fds(plan_.preserve_fds);
  pty_.slave.reset();

  nacre::task::v1::ExecOptions own;
  own.set_process_json(boost::json::serialize(plan_.process.document));
  own.set_fd_token(token);
  own.set_preserve_fds(static_cast<std::uint32_t>(plan_.preserve_fds));
  own.set_end_with_connection(!plan_.detach);

  ttrpc::task::ExecProcessRequest request;
  request.set_id(plan_.container.id);
  request.set_exec_id(exec_id_);
  request.set_terminal(plan_.process.process.terminal);
  request.set_stdin(ttrpc::descriptor_uri(token, ttrpc::slot_stdin));
  request.set_stdout(ttrpc::descriptor_uri(token, ttrpc::slot_stdout));
  if (!plan_.process.process.terminal) request.set_stderr(ttrpc::descriptor_uri(token, ttrpc::slot_stderr));
  ttrpc::pack_any(*request.mutable_spec(), own);
  call_interruptibly(*task_, "Exec", request.SerializeAsString(), signals);
}

void Execution::start(SignalWatch& signals) {
  make_terminal();
  holder_ = spawn_exec_holder(plan_.process.process, plan_.container.pid, pty_.slave);
  if (console_) {
    console_->send_master(pty_.master);
    pty_.master.reset();
  }
  if (!plan_.pid_file.empty()) {
    oci::replace_file(plan_.pid_file, std::to_string(holder_->pid()), 0644, "write pid file");
    has_pid_file_ = true;
  }
  add(signals);
  ttrpc::task::StartRequest request;
  request.set_id(plan_.container.id);
  request.set_exec_id(exec_id_);
  call_interruptibly(*task_, "Start", request.SerializeAsString(), signals);
  holder_->release_control();
  started_ = true;
}

int Execution::wait(SignalWatch& signals) {
  const int code = wait_in_foreground(*holder_, signals, std::move(pty_.master));
  try {
    task_->remove(plan_.container.id, exec_id_);
  } catch (const Error& error) {
    log_debug(error.what()); // the container has ended meanwhile and all its execs with it
  }
  return code;
}

ExecPlan parse(const GlobalOptions& options, const CommandLine& line) {
  ExecPlan plan;
  const auto& id = line.words().front();
  oci::check_id(id);
  if (line.has("cgroup")) throw Error(ErrorCode::unimplemented, "nacre exec --cgroup is not available yet");
  plan.container = oci::read_state(options.state_dir(id));
  const auto status = oci::current_status(plan.container);
  if (status == oci::Status::stopped)
    throw Error(ErrorCode::failed_precondition, "cannot exec in a stopped container", id);
  if (status == oci::Status::creating)
    throw Error(ErrorCode::failed_precondition, "cannot exec in a container that is still being created", id);
  if (status == oci::Status::paused && !line.is_set("ignore-paused"))
    throw Error(ErrorCode::failed_precondition, "cannot exec in a paused container", id)
        .hint("use --ignore-paused to override");
  plan.process = exec_process(line, plan.container.bundle);
  plan.pid_file = line.get("pid-file");
  plan.console_socket = line.get("console-socket");
  plan.preserve_fds = line.number("preserve-fds", max_preserved_fds);
  plan.detach = line.is_set("detach");
  require_preserved_fds(plan.preserve_fds);
  const bool terminal = plan.process.process.terminal;
  if (terminal && plan.detach && plan.console_socket.empty())
    throw Error(ErrorCode::invalid_argument,
                "cannot make a terminal for a process that outlives this command")
        .hint("name a --console-socket");
  if (!terminal && !plan.console_socket.empty())
    throw Error(ErrorCode::invalid_argument, "--console-socket is given, but the process has no terminal")
        .hint("add --tty");
  return plan;
}

// As runc's: engines tell by it that the process never ran.
constexpr int exit_code_of_failure = 255;

int fail(std::string words) {
  constexpr std::string_view prefix = "exec failed: ";
  if (!words.starts_with(prefix)) words.insert(0, prefix);
  log_error(words);
  return exit_code_of_failure;
}

} // namespace

CommandLine exec_grammar() {
  CommandLine line("exec [flags] <container-id> <command> [args]", "Runs another process in a container.");
  add_process_flags(line);
  line.flag("detach,d", "do not wait for the end");
  line.value("pid-file", "FILE", "file to write the process's pid to");
  line.value("console-socket", "SOCKET", "unix socket that gets the master of the process's terminal");
  line.value("preserve-fds", "N", "number of descriptors above 2 to pass to the process");
  line.value("cgroup", "PATH", "not available yet");
  line.flag("ignore-paused", "also in a paused container");
  return line;
}

int verb_exec(const GlobalOptions& options) {
  auto line = exec_grammar();
  if (!line.parse(options.arguments, 1, std::numeric_limits<std::size_t>::max(), true)) return 0;

  int signal = 0;
  try {
    SignalWatch signals(forwarded_signals());
    Execution execution(parse(options, line));
    try {
      execution.start(signals);
      return execution.detached() ? 0 : execution.wait(signals);
    } catch (const Interrupted& interrupted) {
      signal = interrupted.signal;
    }
  } catch (const std::exception& failure) {
    return fail(failure.what());
  }
  die_of(signal);
}

} // namespace nacre::cli
