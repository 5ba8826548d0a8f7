// The gRPC end of a stream that carries frames of one kind in both directions as they come.
#pragma once

#include "error.hpp"
#include "status.hpp"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace nacre::agent {

// A reactor that lives until gRPC is done with it. The derived class is what frames are handed to.
template <typename Frame> class FrameStream : public grpc::ServerBidiReactor<Frame, Frame> {
public:
  void OnReadDone(bool ok) override {
    if (!ok) return end(grpc::Status::OK);
    const auto status = as_status([&] { handle(incoming_); });
    if (!status.ok()) return end(status);
    // An end that was asked for meanwhile leaves this read to be cancelled by gRPC.
    this->StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      waiting_.pop_front();
      if (ending_) {
        this->Finish(status_);
        return;
      }
      if (ok) return write_next();
    }
    end(grpc::Status::CANCELLED);
  }

  void OnCancel() override { end(grpc::Status::CANCELLED); }

  void OnDone() override {
    const auto self = std::move(self_); // the last reference may go here
    detach();
  }

protected:
  FrameStream() = default;

  virtual void handle(const Frame& frame) = 0; // throws Error, which ends the stream
  virtual void detach() = 0;                   // nothing is to be sent any more; called more than once

  void begin(std::shared_ptr<FrameStream> self) {
    self_ = std::move(self);
    this->StartRead(&incoming_);
  }

  // Thread-safe. False: `most_waiting` wait already, and it is dropped.
  bool put(Frame frame, std::size_t most_waiting) {
    const std::lock_guard lock(mutex_);
    if (ending_ || waiting_.size() >= most_waiting) return false;
    waiting_.push_back(std::move(frame));
    if (!writing_) write_next();
    return true;
  }

private:
  void write_next() {
    if (waiting_.empty()) return;
    writing_ = true;
    this->StartWrite(&waiting_.front());
  }

  void end(grpc::Status status) {
    detach();
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = true;
    status_ = std::move(status);
    if (!writing_) this->Finish(status_);
  }

  std::shared_ptr<FrameStream> self_; // until OnDone
  Frame incoming_;                    // used by gRPC between StartRead and OnReadDone

  std::mutex mutex_;          // guards all below
  std::deque<Frame> waiting_; // the first is used by gRPC while `writing_`
  bool writing_ = false;
  bool ending_ = false;
  grpc::Status status_;
};

} // namespace nacre::agent
