// The gRPC end of the stream that carries queries to the host's name servers.
#pragma once

#include "dns_relay.hpp"
#include "error.hpp"

#include "agent.grpc.pb.h"

#include <deque>
#include <memory>
#include <mutex>

namespace nacre::agent {

// A reactor that lives until gRPC is done with it.
class DnsStream : public grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>,
                  public DnsSink,
                  public std::enable_shared_from_this<DnsStream> {
public:
  static grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>* begin(DnsRelay& relay);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void send(v1::DnsFrame frame) override; // the relay bounds how many wait

private:
  explicit DnsStream(DnsRelay& relay) : relay_(relay) {}
  void handle(const v1::DnsFrame& frame);
  void write_next();
  void end(grpc::Status status);

  DnsRelay& relay_;
  std::shared_ptr<DnsStream> self_; // until OnDone
  v1::DnsFrame incoming_;           // used by gRPC between StartRead and OnReadDone

  std::mutex mutex_;                 // guards all below
  std::deque<v1::DnsFrame> waiting_; // the first is used by gRPC while `writing_`
  bool writing_ = false;
  bool ending_ = false;
  grpc::Status status_;
};

} // namespace nacre::agent
