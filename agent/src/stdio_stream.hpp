// The gRPC end of a process's stdio stream.
#pragma once

#include "process_stdio.hpp"

#include "agent.grpc.pb.h"

#include <functional>

namespace nacre::agent {

// Finds the process that an Open frame names; throws Error.
using FindStdio =
    std::function<std::shared_ptr<ProcessStdio>(const std::string& container, const std::string& exec)>;

// A reactor that lives until gRPC is done with it.
class StdioStream : public grpc::ServerBidiReactor<v1::StdioFrame, v1::StdioFrame>,
                    public StdioSink,
                    public std::enable_shared_from_this<StdioStream> {
public:
  static grpc::ServerBidiReactor<v1::StdioFrame, v1::StdioFrame>* begin(FindStdio find);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void send(v1::StdioFrame frame) override;
  void finish() override;
  void fail(const Error& error) override;

private:
  explicit StdioStream(FindStdio find) : find_(std::move(find)) {}
  void handle(const v1::StdioFrame& frame);
  void end(grpc::Status status);
  void detach();

  FindStdio find_;
  std::shared_ptr<StdioStream> self_; // until OnDone
  v1::StdioFrame incoming_;           // used by gRPC between StartRead and OnReadDone

  std::mutex mutex_; // guards all below; gRPC never runs a reaction inside StartWrite or Finish
  std::shared_ptr<ProcessStdio> stdio_;
  v1::StdioFrame outgoing_; // used by gRPC between StartWrite and OnWriteDone
  bool writing_ = false;
  bool ending_ = false;
  grpc::Status status_;
};

} // namespace nacre::agent
