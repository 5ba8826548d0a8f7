// A bidirectional stream of the agent's that carries frames of one kind as they come.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace nacre::agent_client {

// Only on the loop's thread. Lives until its end was told.
template <typename Frame> class FrameStream {
public:
  struct Callbacks {
    // Nothing more is read until the call returned true, or read_on() was called.
    std::function<bool(Frame&& frame)> frame;
    // Once, the last call; empty: the agent ended it in order.
    std::function<void(const std::optional<Error>&)> ended;
  };

  // `method` is a call of the agent's that streams such frames. `purpose`: for errors.
  static std::shared_ptr<FrameStream> open(std::shared_ptr<AgentClient> client, const char* method,
                                           std::string purpose, Callbacks callbacks) {
    std::shared_ptr<FrameStream> made(
        new FrameStream(std::move(client), std::move(purpose), std::move(callbacks)));
    made->begin(made, method);
    return made;
  }
  ~FrameStream() {
    stream_.reset();
    client_->transport().end_use();
  }
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  void send(const Frame& frame) {
    if (ending_) return;
    outgoing_.push_back(frame.SerializeAsString());
    write();
  }
  std::size_t unsent() const noexcept { return outgoing_.size(); }

  void read_on() {
    if (ending_ || starting_.under_way || reading_.under_way) return;
    stream_->read(bytes_, reading_.tag());
  }

  void cancel() { // no callback follows
    callbacks_ = {};
    stream_->cancel();
    if (!starting_.under_way && !reading_.under_way) end(); // no read is there to fail
  }

private:
  // One kind of operation; a member, so that its address is the tag.
  struct Operation : Completion {
    Operation(FrameStream& stream, void (FrameStream::*then)(bool)) : owner(stream), handler(then) {}
    Completion& tag() {
      under_way = true;
      return *this;
    }
    void completed(bool ok) override {
      under_way = false;
      const auto stream = owner.self_; // keeps it alive to the end of this function
      (owner.*handler)(ok);
    }
    FrameStream& owner;
    void (FrameStream::*handler)(bool);
    bool under_way = false;
  };

  FrameStream(std::shared_ptr<AgentClient> client, std::string purpose, Callbacks callbacks)
      : client_(std::move(client)), purpose_(std::move(purpose)), callbacks_(std::move(callbacks)) {
    client_->transport().begin_use();
  }

  void begin(std::shared_ptr<FrameStream> self, const char* method) {
    self_ = std::move(self); // released when the stream is over
    stream_ = client_->transport().channel->open(method_path(method).c_str());
    stream_->start(starting_.tag());
  }

  void started(bool ok) {
    if (!ok) return end();
    write();
    read_on();
  }

  void was_read(bool ok) {
    if (!ok) return end();
    Frame incoming;
    if (!incoming.ParseFromString(std::exchange(bytes_, {}))) {
      stream_->cancel();
      return end();
    }
    if (callbacks_.frame && !callbacks_.frame(std::move(incoming))) return;
    read_on();
  }

  void write() {
    if (ending_ || starting_.under_way || writing_.under_way || outgoing_.empty()) return;
    stream_->write(outgoing_.front(), writing_.tag());
  }

  void written(bool ok) {
    outgoing_.pop_front();
    if (ok) write(); // else the read fails as well and ends the stream
    if (ending_) finish();
  }

  void end() {
    if (std::exchange(ending_, true)) return;
    finish();
  }

  // gRPC wants no operation under way that was started before.
  void finish() {
    if (writing_.under_way || reading_.under_way || finishing_.under_way) return;
    stream_->finish(status_, finishing_.tag());
  }

  void was_finished(bool) {
    const auto last = std::exchange(self_, nullptr);
    const auto ended = std::exchange(callbacks_.ended, nullptr);
    callbacks_ = {};
    if (!ended) return;
    if (status_.ok()) return ended(std::nullopt);
    ended(to_error(status_, purpose_, {}));
  }

  std::shared_ptr<AgentClient> client_;
  const std::string purpose_;
  Callbacks callbacks_;
  std::shared_ptr<FrameStream> self_;
  std::unique_ptr<RpcStream> stream_;
  std::string bytes_;                // filled by the read that is under way
  std::deque<std::string> outgoing_; // the first is the channel's while a write is under way
  RpcStatus status_;
  bool ending_ = false;
  Operation starting_{*this, &FrameStream::started}, reading_{*this, &FrameStream::was_read},
      writing_{*this, &FrameStream::written}, finishing_{*this, &FrameStream::was_finished};
};

} // namespace nacre::agent_client
