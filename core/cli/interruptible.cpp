#include "cli/interruptible.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>

namespace nacre::cli {

std::string call_interruptibly(ttrpc::TaskClient& task, const char* method, const std::string& request,
                               SignalWatch& signals) {
  constexpr auto deadly = SignalWatch::deadly;
  auto& client = task.client();
  const auto stream = client.send(ttrpc::task_service_v2, method, request);
  std::array<pollfd, 2> entries = {pollfd{client.fd(), POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0}};
  for (;;) {
    while (const auto signal = signals.take())
      if (std::find(deadly.begin(), deadly.end(), *signal) != deadly.end()) throw Interrupted{*signal};
    if (auto answer = client.try_receive(stream)) return std::move(*answer);
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR)
      throw_errno("wait for the sandbox process");
  }
}

} // namespace nacre::cli
