// gRPC's library: loaded once, by a path that is compiled in, and never unloaded.
#pragma once

#include "agent_client/rpc.hpp"
#include "base/paths.hpp"
#include "base/unique_fd.hpp"

#include <memory>
#include <string>

namespace nacre::agent_client {

// What the library exports under the name of `rpc_library_symbol`.
struct RpcLibrarySymbols {
  const char* version; // of the build; another one is refused
  std::unique_ptr<RpcChannel> (*connect)(int fd, RpcChannel::Complete complete); // takes `fd`
};
inline constexpr const char* rpc_library_symbol = "nacre_rpc_library";

class RpcLibrary {
public:
  // Throws Error. Costs milliseconds the first time: call it when the VMM was spawned. From any thread.
  static const RpcLibrary& load(const std::string& path = paths::rpc_library);

  // A channel over `fd`, a connected stream. `complete` comes on a thread of the channel's.
  std::unique_ptr<RpcChannel> connect(UniqueFd fd, RpcChannel::Complete complete) const;

private:
  explicit RpcLibrary(const RpcLibrarySymbols& symbols) : symbols_(&symbols) {}
  const RpcLibrarySymbols* symbols_;
};

} // namespace nacre::agent_client
