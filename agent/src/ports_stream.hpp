// The gRPC end of the stream that tells who listens where, and carries datagrams (ports.proto).
#pragma once

#include "frame_stream.hpp"
#include "shared_ports.hpp"

#include "ports.pb.h"

#include <memory>

namespace nacre::agent {

class PortsStream : public FrameStream<v1::PortsFrame>, public PortsSink {
public:
  static grpc::ServerBidiReactor<v1::PortsFrame, v1::PortsFrame>* begin(SharedPorts& ports);

  bool send(v1::PortsFrame frame) override;

private:
  explicit PortsStream(SharedPorts& ports) : ports_(ports) {}
  void handle(const v1::PortsFrame& frame) override;
  void detach() override { ports_.detach(this); }

  SharedPorts& ports_;
};

} // namespace nacre::agent
