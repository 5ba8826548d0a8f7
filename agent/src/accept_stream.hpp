// One connection as a stream of the same gRPC connection: at a socket of the host's that a container has as a
// mount, or at a port of the host's; or to a port of the guest's (ports.proto).
#pragma once

#include "event_loop.hpp"
#include "listened_sockets.hpp"
#include "shared_ports.hpp"
#include "unique_fd.hpp"

#include "agent.grpc.pb.h"

#include <memory>
#include <mutex>
#include <string>

namespace nacre::agent {

// A reactor that lives until gRPC is done with it. One piece is under way in each direction: who does not
// read stops the other side.
class AcceptStream : public grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>,
                     public ConnectionTaker,
                     public std::enable_shared_from_this<AcceptStream> {
public:
  static grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>*
  begin(EventLoop& loop, ListenedSockets& sockets, SharedPorts& ports);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void taken(UniqueFd connection) override;
  void socket_gone() override;

private:
  AcceptStream(EventLoop& loop, ListenedSockets& sockets, SharedPorts& ports)
      : loop_(loop), sockets_(sockets), ports_(ports) {}
  void handle(const v1::TunnelFrame& frame);
  void open(const v1::TunnelFrame::Open& open);
  void carry(UniqueFd connection);
  void progress();
  void deliver();
  void read_on();
  void send_more();
  void send();
  void rearm();
  bool hung_up() const;
  void end(grpc::Status status);
  void close();

  EventLoop& loop_;
  ListenedSockets& sockets_;
  SharedPorts& ports_;
  std::shared_ptr<AcceptStream> self_; // until OnDone
  v1::TunnelFrame incoming_;           // used by gRPC between StartRead and OnReadDone

  std::mutex mutex_;         // guards all below
  v1::TunnelFrame outgoing_; // used by gRPC between StartWrite and OnWriteDone
  UniqueFd connection_;
  EventLoop::Token token_ = 0;
  std::string input_;         // for the connection, not written yet
  bool shutdown_due_ = false; // nothing follows after it
  bool host_left_ = false;    // the host's half of the stream has ended
  bool read_end_ = false;     // the container has said that nothing follows, and so was the host told
  bool reading_ = true;       // a frame of the host's
  bool writing_ = false;
  bool ending_ = false;
  grpc::Status status_;
};

} // namespace nacre::agent
