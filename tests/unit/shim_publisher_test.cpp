// Events against a server that stands for containerd.
#include "catch.hpp"

#include "base/error.hpp"
#include "shim/publisher.hpp"
#include "ttrpc/proto/events.pb.h"
#include "ttrpc/proto/forward.pb.h"
#include "ttrpc/server.hpp"

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>

using namespace nacre;
using namespace nacre::shim;
using namespace std::chrono_literals;

namespace {

using Forward = containerd::services::events::ttrpc::v1::ForwardRequest;

class EventServer {
public:
  explicit EventServer(const std::string& path) : server_(loop_, {}, [](const std::string&) {}) {
    server_.add_service("containerd.services.events.ttrpc.v1.Events",
                        [this](ttrpc::Request request, ttrpc::Responder responder) {
                          const std::lock_guard lock(mutex_);
                          if (refuse > 0) {
                            --refuse;
                            throw Error(ErrorCode::unavailable, "forward");
                          }
                          Forward forward;
                          if (request.method == "Forward" && forward.ParseFromString(request.payload))
                            events.push_back(forward.envelope());
                          changed_.notify_all();
                          responder.reply({});
                        });
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(socket.get(), 8) == 0);
    server_.listen(std::move(socket));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~EventServer() {
    loop_.stop();
    thread_.join();
  }
  std::vector<std::string> wait_for_topics(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return events.size() >= count; });
    std::vector<std::string> topics;
    for (const auto& event : events)
      topics.push_back(event.topic());
    return topics;
  }
  std::vector<containerd::services::events::ttrpc::v1::Envelope> events;
  int refuse = 0;

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  ttrpc::EventLoop loop_;
  ttrpc::Server server_;
  std::thread thread_;
};

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
