// What the host does for a plugin, and what every operation gets.
#ifndef NACRE_SDK_HOST_HPP
#define NACRE_SDK_HOST_HPP

#include <nacre/plugin/host_api.h>
#include <nacre/sdk/boundary.hpp>

#include <ctime>
#include <functional>
#include <poll.h>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::sdk {

// Deadline and cancellation of one operation. Valid during the call only.
class Call {
public:
  explicit Call(const nacre_call* call) : raw_{sizeof raw_, -1, 0} {
    if (call != nullptr) raw_ = received(call, "the call"), raw_.struct_size = sizeof raw_;
  }
  const nacre_call* raw() const noexcept { return &raw_; }
  int cancel_fd() const noexcept { return raw_.cancel_fd; }               // -1: cannot be cancelled
  std::uint64_t deadline_ns() const noexcept { return raw_.deadline_ns; } // CLOCK_MONOTONIC, 0: none

  // For poll(): -1 when there is no deadline.
  int milliseconds_left() const noexcept {
    if (raw_.deadline_ns == 0) return -1;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto current =
        static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
    if (current >= raw_.deadline_ns) return 0;
    return static_cast<int>(
        std::min<std::uint64_t>((raw_.deadline_ns - current + 999'999) / 1'000'000, 0x7fffffff));
  }
  // Throws when the caller does not want the result any more or the deadline has passed.
  void check() const {
    if (raw_.cancel_fd >= 0) {
      pollfd cancel{raw_.cancel_fd, POLLIN, 0};
      if (::poll(&cancel, 1, 0) > 0) throw Error(NACRE_E_CANCELLED, "cancelled");
    }
    if (raw_.deadline_ns != 0 && milliseconds_left() == 0)
      throw Error(NACRE_E_DEADLINE, "the deadline has passed");
  }
  // Waits until `fd` shows one of `events` (POLLIN and so on); throws as check() does. Returns the events
  // seen.
  short wait(int fd, short events) const {
    while (true) {
      pollfd set[2] = {{fd, events, 0}, {raw_.cancel_fd, POLLIN, 0}};
      const int ready = ::poll(set, 2, milliseconds_left());
      if (ready < 0 && errno != EINTR) throw Error::from_errno(errno, "wait for a descriptor");
      if (ready > 0 && set[1].revents != 0) throw Error(NACRE_E_CANCELLED, "cancelled");
      if (ready > 0 && set[0].revents != 0) return set[0].revents;
      if (ready == 0) throw Error(NACRE_E_DEADLINE, "the deadline has passed");
    }
  }

private:
  nacre_call raw_;
};

// probe()'s answer.
struct Probe {
  std::uint32_t status = NACRE_PROBE_OK;
  std::string reason{};
  static Probe ok(std::string reason = {}) { return {NACRE_PROBE_OK, std::move(reason)}; }
  static Probe skip(std::string reason) { return {NACRE_PROBE_SKIP, std::move(reason)}; }
  static Probe error(std::string reason) { return {NACRE_PROBE_ERROR, std::move(reason)}; }
};

// A mount that only the process sees; see struct nacre_spawn_mount.
struct SpawnMount {
  std::string target{};
  Fd tree{};            // a detached mount; none: a new file system
  std::string fstype{}; // of a new one
  std::string data{};
};

// A process that the plugin wants; see struct nacre_spawn.
struct Spawn {
  std::string role{};
  std::vector<std::string> argv{}; // argv[0] is an absolute path
  std::vector<std::string> env{};
  struct Passed {
    Fd fd{};
    std::uint32_t target; // its number in the new process, 3 or above
  };
  std::vector<Passed> fds{};
  int netns_fd = -1; // borrowed; -1: an empty namespace of the pod's own
  bool in_pod_mounts = false;
  std::vector<SpawnMount> mounts{};
};

struct Process {
  int pid = 0;
  int pidfd = -1; // the host's; valid until the plugin's handle is destroyed
};

// How a process ended that was run to its end.
struct Ended {
  int status = 0;      // as waitpid(2) gives it; 0: it has done what it was asked for
  std::string words{}; // the end of what it wrote
};

struct PodFolder {
  Fd fd{}; // O_PATH
  std::string path{};
};

class Change;

// Copies share the host's table; valid until the handle's destructor has returned. May be used on any thread.
class Host {
public:
  Host() = default;
  explicit Host(const nacre_host* raw) : raw_(raw) {}
  const nacre_host* raw() const noexcept { return raw_; }
  std::uint32_t abi_minor() const noexcept { return raw_->abi_minor; }

  void log(std::uint32_t level, std::string_view text) const noexcept {
    if (NACRE_HAS_FUNCTION(raw_, nacre_host, log)) raw_->log(raw_->context, level, text.data(), text.size());
  }
  void debug(std::string_view text) const noexcept { log(NACRE_LOG_DEBUG, text); }
  void info(std::string_view text) const noexcept { log(NACRE_LOG_INFO, text); }
  void warning(std::string_view text) const noexcept { log(NACRE_LOG_WARNING, text); }
  void error(std::string_view text) const noexcept { log(NACRE_LOG_ERROR, text); }

  // Returns when the exec has succeeded; 1 and 2 of the process go to the core.
  Process spawn(const Call& call, Spawn plan) const {
    need(NACRE_HAS_FUNCTION(raw_, nacre_host, spawn), "spawn");
    nacre_process process{};
    process.struct_size = sizeof process;
    with_raw(std::move(plan), [&](const nacre_spawn* raw, const nacre_fds* fds) {
      ask([&](nacre_error* e) { return raw_->spawn(raw_->context, call.raw(), raw, fds, &process, e); });
    });
    return {process.pid, process.pidfd};
  }
  // The same, until the process has ended.
  Ended run(const Call& call, Spawn plan) const {
    need(NACRE_HAS_FUNCTION(raw_, nacre_host, run), "run");
    std::int32_t status = 0;
    char words[2048] = "";
    with_raw(std::move(plan), [&](const nacre_spawn* raw, const nacre_fds* fds) {
      ask([&](nacre_error* e) {
        return raw_->run(raw_->context, call.raw(), raw, fds, &status, words, sizeof words, e);
      });
    });
    return {status, words};
  }
  void signal_process(int pid, int signal) const {
    need(NACRE_HAS_FUNCTION(raw_, nacre_host, signal_process), "signal_process");
    ask([&](nacre_error* e) { return raw_->signal_process(raw_->context, pid, signal, e); });
  }
  Fd netns_socket(int netns_fd, int domain, int type, int protocol) const {
    need(NACRE_HAS_FUNCTION(raw_, nacre_host, netns_socket), "netns_socket");
    std::int32_t fd = -1;
    ask([&](nacre_error* e) {
      return raw_->netns_socket(raw_->context, netns_fd, domain, type, protocol, &fd, e);
    });
    return Fd(fd);
  }
  std::vector<Fd> tap_open(int netns_fd, const std::string& name, std::uint32_t flags,
                           std::uint32_t queues) const {
    need(NACRE_HAS_FUNCTION(raw_, nacre_host, tap_open), "tap_open");
    std::vector<std::int32_t> fds(queues, -1);
    ask([&](nacre_error* e) {
      return raw_->tap_open(raw_->context, netns_fd, name.c_str(), flags, queues, fds.data(), e);
    });
    std::vector<Fd> taps;
    for (const auto fd : fds)
      taps.emplace_back(fd);
    return taps;
  }
  PodFolder pod_folder() const {
    need(NACRE_HAS_FUNCTION(raw_, nacre_host, pod_folder), "pod_folder");
    std::int32_t fd = -1;
    char path[4096] = "";
    ask([&](nacre_error* e) { return raw_->pod_folder(raw_->context, &fd, path, sizeof path, e); });
    return {Fd(fd), path};
  }
  // Before a change of the host: `record` is durable when this returns; undo() of the table gets it. `undo`
  // undoes the change in the ordinary way, in the destructor of what is returned.
  Change change(std::string_view record, std::function<void()> undo) const;
  void metric(const char* name, double value) const noexcept {
    if (NACRE_HAS_FUNCTION(raw_, nacre_host, metric)) raw_->metric(raw_->context, name, value);
  }

private:
  friend class Change;
  // `body` gets the plan as it crosses the boundary, with its descriptors.
  template <typename Body> static void with_raw(Spawn plan, Body&& body) {
    Arena arena;
    FdsToSend fds;
    std::vector<std::uint32_t> targets;
    for (auto& passed : plan.fds) {
      fds.add(std::move(passed.fd));
      targets.push_back(passed.target);
    }
    auto* raw = arena.make<nacre_spawn>();
    raw->mount_count = static_cast<std::uint32_t>(plan.mounts.size());
    auto** mounts = arena.array<const nacre_spawn_mount*>(plan.mounts.size());
    for (auto& mount : plan.mounts) {
      auto* raw_mount = arena.make<nacre_spawn_mount>();
      NACRE_SDK_SET(arena, raw_mount, target, mount.target);
      NACRE_SDK_SET(arena, raw_mount, fstype, mount.fstype);
      NACRE_SDK_SET(arena, raw_mount, data, mount.data);
      raw_mount->fd = -1;
      if (mount.tree) {
        raw_mount->fd = static_cast<std::int32_t>(targets.size());
        fds.add(std::move(mount.tree));
        targets.push_back(0);
      }
      *mounts++ = raw_mount;
    }
    raw->mounts = mounts - plan.mounts.size();
    NACRE_SDK_SET(arena, raw, role, plan.role);
    raw->argv = arena.texts(plan.argv);
    raw->argv_count = static_cast<std::uint32_t>(plan.argv.size());
    raw->env = arena.texts(plan.env);
    raw->env_count = static_cast<std::uint32_t>(plan.env.size());
    raw->target_fds = targets.data();
    raw->netns_fd = plan.netns_fd;
    raw->in_pod_mounts = plan.in_pod_mounts ? 1 : 0;
    body(raw, fds.hand_over());
  }
  static void need(bool has, const char* function) {
    if (!has)
      throw Error(NACRE_E_UNSUPPORTED, std::string("this version of Nacre offers plugins no ") + function);
  }
  template <typename Ask> static void ask(Ask&& ask) {
    nacre_error error{};
    error.struct_size = sizeof error;
    const std::int32_t result = ask(&error);
    if (result == 0) return;
    error.what[sizeof error.what - 1] = '\0';
    throw Error(-result, error.what[0] ? error.what : "the host gave no reason", error.errno_value);
  }

  const nacre_host* raw_ = nullptr;
};

// A change of the host that is undone when this goes. Its record leaves the journal only after the undo has
// succeeded.
class Change {
public:
  Change() = default;
  Change(Change&& other) noexcept
      : host_(other.host_), id_(other.id_), undo_(std::exchange(other.undo_, nullptr)) {}
  Change& operator=(Change&& other) noexcept {
    if (this != &other) {
      undo_quietly();
      host_ = other.host_;
      id_ = other.id_;
      undo_ = std::exchange(other.undo_, nullptr);
    }
    return *this;
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() { undo_quietly(); }

  explicit operator bool() const noexcept { return undo_ != nullptr; }
  // Undoes it now; when that throws, the record stays for undo() of the table.
  void undo() {
    const auto undo = std::exchange(undo_, nullptr);
    if (!undo) return;
    undo();
    done();
  }
  // The change has gone by itself: nothing is left to undo.
  void forget() {
    undo_ = nullptr;
    done();
  }

private:
  friend class Host;
  Change(Host host, std::uint64_t id, std::function<void()> undo)
      : host_(host), id_(id), undo_(std::move(undo)) {}
  void done() {
    const auto* raw = host_.raw();
    if (raw != nullptr && NACRE_HAS_FUNCTION(raw, nacre_host, journal_done))
      Host::ask([&](nacre_error* e) { return raw->journal_done(raw->context, id_, e); });
  }
  void undo_quietly() noexcept {
    nacre_error error{};
    error.struct_size = sizeof error;
    if (guard(&error, [&] { undo(); }) != 0) host_.warning(std::string_view(error.what));
  }

  Host host_;
  std::uint64_t id_ = 0;
  std::function<void()> undo_;
};

inline Change Host::change(std::string_view record, std::function<void()> undo) const {
  need(NACRE_HAS_FUNCTION(raw_, nacre_host, journal_add), "journal_add");
  std::uint64_t id = 0;
  ask([&](nacre_error* e) { return raw_->journal_add(raw_->context, record.data(), record.size(), &id, e); });
  return Change(*this, id, std::move(undo));
}

} // namespace nacre::sdk

#endif
