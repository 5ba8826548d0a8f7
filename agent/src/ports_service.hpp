// ports.proto's service.
#pragma once

#include "ports_stream.hpp"

#include "ports.grpc.pb.h"

namespace nacre::agent {

class PortsService final : public v1::Ports::WithCallbackMethod_Share<v1::Ports::Service> {
public:
  explicit PortsService(SharedPorts& ports) : ports_(ports) {}
  grpc::ServerBidiReactor<v1::PortsFrame, v1::PortsFrame>* Share(grpc::CallbackServerContext*) override {
    return PortsStream::begin(ports_);
  }

private:
  SharedPorts& ports_;
};

} // namespace nacre::agent
