// Events against a server that stands for containerd.
#include "catch.hpp"
#include "shim_event_server.hpp"

#include "base/error.hpp"
#include "shim/publisher.hpp"
#include "ttrpc/proto/events.pb.h"

#include <cstdlib>
#include <filesystem>

using namespace nacre;
using namespace nacre::shim;
using namespace std::chrono_literals;

namespace {

struct Place {
  Place() {
    char name[] = "/tmp/nacre-test-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder = name;
  }
  ~Place() { std::filesystem::remove_all(folder); }
  std::string socket() const { return folder + "/events"; }
  std::string folder;
};

PublisherOptions options_for(const Place& place) {
  PublisherOptions options;
  options.address = place.socket();
  options.namespace_name = "ns";
  options.first_pause = 1ms;
  return options;
}

Event task_exit(const std::string& id) {
  containerd::events::TaskExit event;
  event.set_container_id(id);
  return make_event("/tasks/exit", event);
}

} // namespace

TEST_CASE("events arrive in order, wrapped as containerd wants them") {
  const Place place;
  EventServer server(place.socket());
  Publisher publisher(options_for(place), [](const std::string&) {});
  std::vector<std::string> sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back("/tasks/" + std::to_string(i));
    publisher.publish({sent.back(), "type", ""});
  }
  publisher.publish(task_exit("c1"));
  sent.push_back("/tasks/exit");
  CHECK(server.wait_for_topics(51) == sent);
  const auto& last = server.events.back();
  CHECK(last.namespace_() == "ns");
  CHECK(last.event().type_url() == "containerd.events.TaskExit");
  CHECK(last.timestamp().seconds() > 1'600'000'000);
  containerd::events::TaskExit exit;
  REQUIRE(exit.ParseFromString(last.event().value()));
  CHECK(exit.container_id() == "c1");
}

TEST_CASE("an event that is refused, or finds nobody, is tried again and keeps its place") {
  const Place place;
  auto options = options_for(place);
  options.attempts = 1000;
  options.pause_max = 5ms;
  Publisher publisher(options, [](const std::string&) {});
  publisher.publish({"/tasks/create", "", ""});
  publisher.publish({"/tasks/start", "", ""});
  EventServer server(place.socket()); // containerd comes back
  CHECK(server.wait_for_topics(2) == std::vector<std::string>{"/tasks/create", "/tasks/start"});
}

TEST_CASE("a refusing containerd gets the event again") {
  const Place place;
  EventServer server(place.socket());
  server.refuse = 2;
  Publisher publisher(options_for(place), [](const std::string&) {});
  publisher.publish({"/tasks/create", "", ""});
  publisher.publish({"/tasks/start", "", ""});
  CHECK(server.wait_for_topics(2) == std::vector<std::string>{"/tasks/create", "/tasks/start"});
}

TEST_CASE("without containerd events are lost in words, and the end does not wait for it") {
  const Place place;
  auto options = options_for(place);
  options.first_pause = 1h;
  options.pause_max = 1h;
  std::mutex mutex;
  std::vector<std::string> lost;
  Publisher publisher(options, [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    lost.push_back(line);
  });
  publisher.publish({"/tasks/create", "", ""});
  publisher.publish({"/tasks/exit", "", ""});
  const auto before = std::chrono::steady_clock::now();
  publisher.finish();
  CHECK(std::chrono::steady_clock::now() - before < 5s);
  CHECK(lost == std::vector<std::string>{"lost event /tasks/create: containerd does not take it",
                                         "lost event /tasks/exit: containerd does not take it"});
}
