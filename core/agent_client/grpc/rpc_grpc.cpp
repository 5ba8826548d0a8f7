// Remote calls by gRPC: the only file of the host that knows it.
#include "agent_client/rpc_library.hpp"

#include <csignal>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <thread>
#include <vector>

namespace nacre::agent_client {
namespace {

constexpr int message_limit = 4 * 1024 * 1024;

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(message_limit);
  arguments.SetMaxSendMessageSize(message_limit);
  // The channel is a local byte stream with one peer: fixed windows, nothing is probed, nothing is retried
  // (there is no second connection under the same channel), nothing is recorded for channelz.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 512 * 1024);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  return arguments;
}

grpc::ByteBuffer to_buffer(std::string_view message) {
  const grpc::Slice slice(message.data(), message.size());
  return grpc::ByteBuffer(&slice, 1);
}

void to_string(const grpc::ByteBuffer& buffer, std::string& text) {
  text.clear();
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return;
  text.reserve(buffer.Length());
  for (const auto& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

RpcStatus to_status(const grpc::Status& status) {
  return {static_cast<int>(status.error_code()), status.error_message()};
}

void set_deadline(grpc::ClientContext& context, RpcChannel::Milliseconds deadline) {
  context.set_deadline(std::chrono::system_clock::now() + deadline);
}

// What gRPC gives back as the tag of an operation.
class Operation {
public:
  virtual ~Operation() = default;
  // What is to be done with the operation's result before its waiter hears of it.
  virtual Completion& ended(bool ok) = 0;
};

class Stream : public RpcStream {
public:
  Stream(grpc::GenericStub& stub, const char* method, grpc::CompletionQueue& queue)
      : stream_(stub.PrepareCall(&context_, method, &queue)) {}

  void start(Completion& tag) override { stream_->StartCall(starting_.wait(tag)); }
  void read(std::string& message, Completion& tag) override {
    reading_.into = &message;
    stream_->Read(&reading_.buffer, reading_.wait(tag));
  }
  void write(std::string_view message, Completion& tag) override {
    stream_->Write(to_buffer(message), writing_.wait(tag));
  }
  void writes_done(Completion& tag) override { stream_->WritesDone(writing_.wait(tag)); }
  void finish(RpcStatus& status, Completion& tag) override {
    finishing_.into = &status;
    stream_->Finish(&finishing_.status, finishing_.wait(tag));
  }
  void cancel() override { context_.TryCancel(); }

private:
  struct Waited : Operation {
    Operation* wait(Completion& waiting) {
      tag = &waiting;
      return this;
    }
    Completion& ended(bool) override { return *tag; }
    Completion* tag = nullptr;
  };
  struct Reading : Waited {
    Completion& ended(bool ok) override {
      if (ok) to_string(buffer, *into);
      buffer.Clear();
      return *tag;
    }
    grpc::ByteBuffer buffer;
    std::string* into = nullptr;
  };
  struct Finishing : Waited {
    Completion& ended(bool) override {
      *into = to_status(status);
      return *tag;
    }
    grpc::Status status;
    RpcStatus* into = nullptr;
  };

  grpc::ClientContext context_;
  Waited starting_, writing_;
  Reading reading_;
  Finishing finishing_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_; // last: it uses the context
};

// Owns itself until it has ended.
class Unary : public Operation {
public:
  Unary(std::string& reply, RpcStatus& status, Completion& tag) : reply_(reply), result_(status), tag_(tag) {}

  void start(grpc::GenericStub& stub, grpc::CompletionQueue& queue, const char* method,
             std::string_view request, RpcChannel::Milliseconds deadline) {
    set_deadline(context_, deadline);
    reader_ = stub.PrepareUnaryCall(&context_, method, to_buffer(request), &queue);
    reader_->StartCall();
    reader_->Finish(&buffer_, &status_, static_cast<Operation*>(this));
  }

  Completion& ended(bool) override {
    const std::unique_ptr<Unary> self(this);
    if (status_.ok()) to_string(buffer_, reply_);
    result_ = to_status(status_);
    return tag_;
  }

private:
  std::string& reply_;
  RpcStatus& result_;
  Completion& tag_;
  grpc::ClientContext context_;
  grpc::ByteBuffer buffer_;
  grpc::Status status_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
};

class Channel : public RpcChannel {
public:
  Channel(int fd, Complete complete)
      : complete_(std::move(complete)),
        stub_(grpc::CreateCustomInsecureChannelFromFd("nacre-agent", fd, channel_arguments())) {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before); // signals belong to the main thread
    thread_ = std::thread([this] { serve(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Channel() override {
    queue_.Shutdown();
    thread_.join();
  }

  RpcStatus call(const char* method, std::string_view request, std::string& reply,
                 Milliseconds deadline) override {
    grpc::CompletionQueue own;
    grpc::ClientContext context;
    set_deadline(context, deadline);
    grpc::ByteBuffer buffer;
    grpc::Status status;
    const auto reader = stub_.PrepareUnaryCall(&context, method, to_buffer(request), &own);
    reader->StartCall();
    reader->Finish(&buffer, &status, nullptr);
    void* tag;
    bool ok;
    own.Next(&tag, &ok);
    own.Shutdown();
    while (own.Next(&tag, &ok)) {
    }
    if (status.ok()) to_string(buffer, reply);
    return to_status(status);
  }

  void call_async(const char* method, std::string_view request, Milliseconds deadline, std::string& reply,
                  RpcStatus& status, Completion& tag) override {
    (new Unary(reply, status, tag))->start(stub_, queue_, method, request, deadline);
  }

  std::unique_ptr<RpcStream> open(const char* method) override {
    return std::make_unique<Stream>(stub_, method, queue_);
  }

private:
  void serve() {
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok))
      complete_(static_cast<Operation*>(tag)->ended(ok), ok);
  }

  Complete complete_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::thread thread_;
};

std::unique_ptr<RpcChannel> connect(int fd, RpcChannel::Complete complete) {
  return std::make_unique<Channel>(fd, std::move(complete));
}

} // namespace
} // namespace nacre::agent_client

extern "C" __attribute__((visibility("default")))
const nacre::agent_client::RpcLibrarySymbols nacre_rpc_library = {nacre::paths::version,
                                                                  nacre::agent_client::connect};
