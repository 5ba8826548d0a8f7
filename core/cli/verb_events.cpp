#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/event_data.hpp"
#include "cli/output.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

#include <algorithm>

namespace nacre::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The connection to the sandbox process, for one container.
class EventSource {
public:
  explicit EventSource(const oci::State& state)
      : id_(state.id), task_(ttrpc::TaskClient::connect(state.socket)) {}

  void print_stats() { print(stats_line(id_, task_.raw_stats(id_))); }

  // Prints OOM events until `until`. False: the container has ended.
  bool follow(Clock::time_point until) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      if (left.count() <= 0) return true;
      nacre::task::v1::WaitOomResponse answer;
      try {
        answer = task_.wait_oom(id_, seen_, left);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::deadline_exceeded) return true;
        throw;
      }
      for (; seen_ < answer.count(); ++seen_)
        print(oom_line(id_));
      if (answer.ended()) return false;
    }
  }

private:
  const std::string id_;
  ttrpc::TaskClient task_;
  std::uint64_t seen_ = 0;
};

void follow(EventSource& source, std::chrono::nanoseconds interval) {
  try {
    for (auto next = Clock::now() + interval;; next = std::max(next + interval, Clock::now())) {
      if (!source.follow(next)) return;
      source.print_stats();
    }
  } catch (const ttrpc::ConnectionLost&) { // the sandbox has ended, and the container with it
  } catch (const Error& error) {
    // Between the end of the interval and the question the container may have ended.
    if (error.code() != ErrorCode::not_found && error.code() != ErrorCode::failed_precondition) throw;
  }
}

} // namespace

CommandLine events_grammar() {
  CommandLine line("events [--interval 5s] [--stats] <container-id>",
                   "Prints statistics and OOM kills of a container, one JSON object a line, until it ends.");
  line.value("interval", "TIME", "time between two statistics (default: 5s)");
  line.flag("stats", "print the statistics once");
  return line;
}

int verb_events(const GlobalOptions& options) {
  auto line = events_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  const auto interval = parse_duration(line.has("interval") ? line.get("interval") : "5s");
  if (interval.count() <= 0)
    throw Error(ErrorCode::invalid_argument, "duration interval must be greater than 0"); // runc's words
  const auto status = oci::current_status(state);
  if (status == oci::Status::stopped || status == oci::Status::creating)
    throw Error(ErrorCode::failed_precondition, "container with id " + id + " is not running");
  EventSource source(state);
  if (line.is_set("stats"))
    source.print_stats();
  else
    follow(source, interval);
  return 0;
}

} // namespace nacre::cli
