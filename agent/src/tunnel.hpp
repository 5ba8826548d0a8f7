// Byte streams to something in the guest, as streams of the same gRPC connection: the debug console.
#pragma once

#include "error.hpp"
#include "event_loop.hpp"
#include "stdio_channel.hpp"
#include "unique_fd.hpp"

#include "agent.grpc.pb.h"

#include <memory>
#include <mutex>
#include <sys/types.h>

namespace nacre::agent {

class Reaper;
class Sandbox;

// A shell on a terminal of its own, for as long as the stream lives.
class TunnelStream : public grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>,
                     public std::enable_shared_from_this<TunnelStream> {
public:
  static grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>* begin(Sandbox& sandbox);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

private:
  explicit TunnelStream(Sandbox& sandbox) : sandbox_(sandbox) {}
  void handle(const v1::TunnelFrame& frame);
  void open(const v1::TunnelFrame::Open& open);
  void master_ready();
  void write_input();
  void rearm();
  void send_more();
  void shell_ended(std::uint32_t status);
  void end(grpc::Status status);
  void close_master();

  Sandbox& sandbox_;
  std::shared_ptr<TunnelStream> self_; // until OnDone
  v1::TunnelFrame incoming_;           // used by gRPC between StartRead and OnReadDone

  std::mutex mutex_;         // guards all below
  v1::TunnelFrame outgoing_; // used by gRPC between StartWrite and OnWriteDone
  UniqueFd master_;
  EventLoop::Token token_ = 0;
  std::string input_; // for the terminal, not written yet
  bool input_ended_ = false;
  std::uint32_t exit_status_ = 0;
  bool exited_ = false;
  bool status_sent_ = false;
  bool hung_up_ = false;
  bool writing_ = false;
  bool ending_ = false;
  grpc::Status status_;
};

} // namespace nacre::agent
