// Stands for containerd, which takes events over ttrpc.
#pragma once

#include "catch.hpp"

#include "base/error.hpp"
#include "ttrpc/proto/forward.pb.h"
#include "ttrpc/server.hpp"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <vector>

namespace nacre::shim {

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
                          containerd::services::events::ttrpc::v1::ForwardRequest forward;
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
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return events.size() >= count; });
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

} // namespace nacre::shim
