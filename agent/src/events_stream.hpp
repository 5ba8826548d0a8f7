// The gRPC end of the events stream.
#pragma once

#include "event_log.hpp"

#include "agent.grpc.pb.h"

namespace nacre::agent {

// A reactor that lives until gRPC is done with it.
class EventsStream : public grpc::ServerWriteReactor<v1::Event>,
                     public EventSink,
                     public std::enable_shared_from_this<EventsStream> {
public:
  static grpc::ServerWriteReactor<v1::Event>* begin(EventLog& log, std::uint64_t after);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void send(v1::Event event) override;
  void finish() override;

private:
  explicit EventsStream(EventLog& log) : log_(log) {}

  EventLog& log_;
  std::shared_ptr<EventsStream> self_; // until OnDone
  std::mutex mutex_;                   // guards all below
  v1::Event outgoing_;                 // used by gRPC between StartWrite and OnWriteDone
  bool writing_ = false;
  bool ending_ = false;
};

} // namespace nacre::agent
