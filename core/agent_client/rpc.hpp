// Remote calls over one connected descriptor, in bytes: what AgentClient and its streams need of gRPC, and no
// header of it. gRPC itself is a library of its own (grpc/, rpc_library.hpp) that is loaded while the guest
// boots, since its relocations alone cost a start ten milliseconds.
//
// A method is named "/package.Service/Method". Messages are serialized. Operations end on a thread of gRPC's:
// the channel's `Complete` is called with the operation's tag.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace nacre::agent_client {

// google.rpc.Code and the peer's words, which are not to be trusted.
struct RpcStatus {
  int code = 0;
  std::string message;
  bool ok() const noexcept { return code == 0; }
};

// Something that waits for the end of an operation; its address is the tag.
class Completion {
public:
  virtual ~Completion() = default;
  virtual void completed(bool ok) = 0; // on the loop's thread
};

// One call with messages in both directions. start comes first and once; then at most one read and one write
// are under way; finish comes last and once. Not destroyed before each operation has ended.
class RpcStream {
public:
  virtual ~RpcStream() = default;
  virtual void start(Completion& tag) = 0;
  virtual void read(std::string& message, Completion& tag) = 0; // `message` is filled when it ends with `ok`
  virtual void write(std::string_view message, Completion& tag) = 0;
  virtual void writes_done(Completion& tag) = 0;
  virtual void finish(RpcStatus& status, Completion& tag) = 0; // `status` is filled when it ends
  virtual void cancel() = 0;                                   // from any thread
};

// One connection. Destroyed when none of its streams and operations is left.
class RpcChannel {
public:
  using Milliseconds = std::chrono::milliseconds;
  using Complete = std::function<void(Completion& tag, bool ok)>;

  virtual ~RpcChannel() = default;
  // Blocks. `reply` is filled when the status is OK.
  virtual RpcStatus call(const char* method, std::string_view request, std::string& reply,
                         Milliseconds deadline) = 0;
  // The same without blocking; `reply` and `status` are filled when it ends.
  virtual void call_async(const char* method, std::string_view request, Milliseconds deadline,
                          std::string& reply, RpcStatus& status, Completion& tag) = 0;
  virtual std::unique_ptr<RpcStream> open(const char* method) = 0;
};

} // namespace nacre::agent_client
