#include "agent_client/debug_console.hpp"

#include "agent_client/tunnel.hpp"

#include <utility>

namespace nacre::agent_client {

void open_debug_console(std::shared_ptr<AgentClient> client, UniqueFd socket, ConsoleSize size,
                        std::function<void(const std::optional<Error>&)> opened) {
  auto& loop = client->loop();
  v1::TunnelFrame::Open first;
  first.set_service("debug-console");
  first.set_rows(size.rows);
  first.set_columns(size.columns);
  auto shared_socket = std::make_shared<UniqueFd>(std::move(socket)); // a task must be copyable
  loop.post([client = std::move(client), first, shared_socket, opened = std::move(opened)] {
    const auto told = std::make_shared<bool>(false);
    const auto tell = [told, opened](const std::optional<Error>& error) {
      if (!std::exchange(*told, true)) opened(error);
    };
    const auto tunnel =
        Tunnel::open(client, "Tunnel", first, "open the debug console", {[tell] { tell({}); }, tell});
    tunnel->join(std::move(*shared_socket)); // that its peer goes ends the shell: SIGHUP
  });
}

} // namespace nacre::agent_client
