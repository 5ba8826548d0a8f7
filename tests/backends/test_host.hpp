// A host for one plugin: just what struct nacre_host promises, without confinement, for tests that drive a
// backend's .so on a real kernel.
#pragma once

#include <nacre/plugin/descriptor.h>
#include <nacre/sdk/host.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::test {

class TestHost {
public:
  TestHost();
  ~TestHost(); // kills what was spawned and still runs, and waits for it

  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  const nacre_host* raw() const { return &raw_; }
  sdk::Host host() const { return sdk::Host(&raw_); }

  std::vector<std::string> journal() const; // undo records that are not done
  std::vector<std::string> log() const;
  const std::vector<std::string>& last_argv() const { return last_argv_; }
  std::string output_of(int pid); // what it printed on 1 and 2; waits for its end
  int reap(int pid);              // waits; waitpid's status

  // Bytes of a seccomp filter that the next spawned process gets, with no_new_privs.
  std::string filter;

private:
  struct Child {
    sdk::Fd pidfd, output;
    bool reaped = false;
    int status = 0;
  };

  static TestHost& of(void* context) { return *static_cast<TestHost*>(context); }
  static void log_line(void*, std::uint32_t, const char*, std::uint64_t);
  static std::int32_t spawn(void*, const nacre_call*, const nacre_spawn*, const nacre_fds*, nacre_process*,
                            nacre_error*);
  static std::int32_t signal_process(void*, std::int32_t, std::int32_t, nacre_error*);
  static std::int32_t netns_socket(void*, std::int32_t, std::int32_t, std::int32_t, std::int32_t,
                                   std::int32_t*, nacre_error*);
  static std::int32_t tap_open(void*, std::int32_t, const char*, std::uint32_t, std::uint32_t, std::int32_t*,
                               nacre_error*);
  static std::int32_t journal_add(void*, const void*, std::uint64_t, std::uint64_t*, nacre_error*);
  static std::int32_t journal_done(void*, std::uint64_t, nacre_error*);

  nacre_host raw_{};
  mutable std::mutex mutex_;
  std::vector<std::string> log_;
  std::map<std::uint64_t, std::string> journal_;
  std::uint64_t next_record_ = 1;
  std::map<int, Child> children_;
  std::vector<std::string> last_argv_;
};

// Runs `body` on a thread of its own inside the namespace.
void in_netns(int netns_fd, const std::function<void()>& body);

// The descriptor that a .so below the build's plugins folder exports; the library stays loaded.
const nacre_plugin_descriptor& load_plugin(const std::string& kind, const std::string& name);

} // namespace nacre::test
