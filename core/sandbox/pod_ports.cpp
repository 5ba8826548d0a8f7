#include "sandbox/pod_ports.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
// The kernel tells nobody that a socket listens. A look takes less than half a millisecond.
constexpr auto pause = 200ms;
constexpr unsigned looks_between_tries = 10; // of ports that somebody had
constexpr int most_ports = 1024;             // ports.proto, PortsFrame.List

} // namespace

PodPorts::PodPorts(agent_client::IoLoop& loop, int netns_fd,
                   std::shared_ptr<agent_client::AgentClient> client,
                   std::function<void(const std::string&)> warn)
    : loop_(loop), warn_(std::move(warn)), scan_(netns_fd) {
  loop_.run([&] {
    calls_.emplace(netns_fd, client);
    listeners_.emplace(loop_, netns_fd, client, warn_);
    datagrams_.emplace(
        loop_, netns_fd,
        [this](PortDatagrams::Datagram datagram) {
          if (stream_) stream_->send(std::move(datagram));
        },
        warn_);
    agent_client::PortsStream::Callbacks callbacks;
    callbacks.list = [this](const auto& list) { follow_guest(list); };
    callbacks.datagram = [this](auto&& datagram) { datagrams_->take(datagram, host_ports_); };
    callbacks.problem = [this](const std::string& problem) { warn_("in the guest: " + problem); };
    callbacks.ended = [this](const std::optional<Error>& error) {
      stream_.reset();
      if (error && error->code() != ErrorCode::unavailable) warn_(error->what());
    };
    stream_ = agent_client::PortsStream::open(std::move(client), std::move(callbacks));
    tell({});
    look();
  });
}

PodPorts::~PodPorts() {
  loop_.run([this] {
    loop_.cancel(timer_);
    if (const auto stream = std::exchange(stream_, nullptr)) stream->cancel();
    calls_.reset();
    listeners_.reset();
    datagrams_.reset();
  });
}

void PodPorts::look() noexcept {
  timer_ = loop_.after(pause, [this] { look(); });
  try {
    auto ports = scan_.look();
    const auto is_same = [](const auto& one, const auto& other) { return one.first == other.first; };
    if (!std::equal(ports.begin(), ports.end(), host_ports_.begin(), host_ports_.end(), is_same))
      tell(std::move(ports));
    calls_->take(host_ports_);
    if (looks_++ % looks_between_tries == 0) {
      listeners_->listen(guest_ports_);
      datagrams_->listen(guest_ports_);
      datagrams_->drop_quiet();
    }
  } catch (const Error& error) {
    if (std::exchange(last_problem_, error.what()) != error.what()) warn_(error.what());
  }
}

void PodPorts::tell(PortMap ports) {
  host_ports_ = std::move(ports);
  agent_client::v1::PortsFrame::List list;
  for (const auto& [key, port] : host_ports_)
    *list.add_ports() = port;
  if (stream_) stream_->tell(list);
}

void PodPorts::follow_guest(const agent_client::v1::PortsFrame::List& list) {
  guest_ports_.clear();
  for (const auto& port : list.ports())
    if (guest_ports_.size() < most_ports) guest_ports_.emplace(port.SerializeAsString(), port);
  listeners_->listen(guest_ports_);
  datagrams_->listen(guest_ports_);
}

} // namespace nacre::sandbox
