// The gRPC end of the stream that carries queries to the host's name servers.
#pragma once

#include "dns_relay.hpp"
#include "frame_stream.hpp"

#include "agent.grpc.pb.h"

#include <memory>

namespace nacre::agent {

class DnsStream : public FrameStream<v1::DnsFrame>, public DnsSink {
public:
  static grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>* begin(DnsRelay& relay);

  void send(v1::DnsFrame frame) override; // the relay bounds how many wait

private:
  explicit DnsStream(DnsRelay& relay) : relay_(relay) {}
  void handle(const v1::DnsFrame& frame) override;
  void detach() override { relay_.detach(this); }

  DnsRelay& relay_;
};

} // namespace nacre::agent
