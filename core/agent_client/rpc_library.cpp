#include "agent_client/rpc_library.hpp"

#include "base/error.hpp"

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <map>
#include <mutex>
#include <string_view>

namespace nacre::agent_client {
namespace {

const RpcLibrarySymbols& open_for_ever(const std::string& path) {
  using boost::dll::load_mode::rtld_local, boost::dll::load_mode::rtld_now;
  const auto failed = [&](const std::exception& why) {
    return Error(ErrorCode::unavailable, "load the library", path)
        .because(why)
        .hint("install it again; it belongs to the sandbox process");
  };
  try {
    // Leaked: its threads and exceptions may outlive every owner.
    const auto* library = new boost::dll::shared_library(path, rtld_now | rtld_local);
    return library->get<const RpcLibrarySymbols>(rpc_library_symbol);
  } catch (const std::exception& error) {
    throw failed(error);
  }
}

} // namespace

const RpcLibrary& RpcLibrary::load(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, RpcLibrary> loaded;
  const std::lock_guard lock(mutex);
  if (const auto found = loaded.find(path); found != loaded.end()) return found->second;
  const auto& symbols = open_for_ever(path);
  if (std::string_view(symbols.version) != paths::version)
    throw Error(ErrorCode::failed_precondition, "load the library", path)
        .because("it is of version " + std::string(symbols.version) + ", this program of version " +
                 paths::version)
        .hint("install both from one build");
  return loaded.emplace(path, RpcLibrary(symbols)).first->second;
}

std::unique_ptr<RpcChannel> RpcLibrary::connect(UniqueFd fd, RpcChannel::Complete complete) const {
  return symbols_->connect(fd.release(), std::move(complete));
}

} // namespace nacre::agent_client
