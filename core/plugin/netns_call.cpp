#include "plugin/netns_call.hpp"

#include "base/error.hpp"

#include <csignal>
#include <exception>
#include <pthread.h>
#include <sched.h>
#include <system_error>
#include <thread>

namespace nacre::plugin {
namespace {

// A new thread inherits the mask; none of the program's signals may be handled on one that is elsewhere.
class BlockSignals {
public:
  BlockSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;

private:
  sigset_t before_;
};

} // namespace

void in_network_namespace(int netns_fd, const std::function<void()>& body) {
  std::exception_ptr problem;
  const auto run = [&] {
    try {
      // setns(2) moves the calling thread only.
      if (netns_fd >= 0) check_errno(::setns(netns_fd, CLONE_NEWNET), "enter the network namespace");
      body();
    } catch (...) {
      problem = std::current_exception();
    }
  };
  std::thread thread;
  try {
    const BlockSignals blocked;
    thread = std::thread(run);
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::resource_exhausted, "start a thread for the network namespace").because(error);
  }
  thread.join();
  if (problem) std::rethrow_exception(problem);
}

} // namespace nacre::plugin
