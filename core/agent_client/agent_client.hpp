// The agent's calls, typed. One object a connection: after a reconnect there is a new one.
//
// All calls may come from any thread except the loop's, block until the answer, and throw Error with the
// guest's own words (bounded and cleaned). They fail at once when the connection ends. Streams and the
// `_async` calls complete on the loop's thread.
#pragma once

#include "agent_client/hello.hpp"
#include "agent_client/io_loop.hpp"
#include "agent_client/proto/agent.pb.h"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nacre::agent_client {

namespace v1 = nacre::agent::v1;

class RpcLibrary;

class AgentClient : public std::enable_shared_from_this<AgentClient> {
public:
  using Milliseconds = std::chrono::milliseconds;
  using Done = std::function<void(const std::optional<Error>&)>;

  // `fd`: a connected stream on which the hello has been exchanged; ours from now on. The loop must outlive
  // the object. `library`: gRPC (rpc_library.hpp).
  static std::shared_ptr<AgentClient> connect(IoLoop& loop, UniqueFd fd, HelloResult hello,
                                              const RpcLibrary& library);
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  const HelloResult& hello() const noexcept;

  // Ends the connection: calls fail, streams end. From any thread.
  void disconnect() noexcept;
  // Waits until no stream uses the connection any more. Not on the loop's thread.
  void wait_idle();

  v1::CheckReply check(Milliseconds deadline);
  void create_sandbox(const v1::CreateSandboxRequest& request, Milliseconds deadline);
  void destroy_sandbox(Milliseconds deadline);
  v1::CreateContainerReply create_container(const v1::CreateContainerRequest& request, Milliseconds deadline);
  void start_container(const std::string& container_id, Milliseconds deadline);
  void remove_container(const std::string& container_id, bool force, Milliseconds deadline);
  void update_container(const std::string& container_id, const std::string& resources, Milliseconds deadline);
  v1::StatFileSystemReply stat_file_system(const std::string& path, Milliseconds deadline);
  void grow_disk(const v1::GrowDiskRequest& request, Milliseconds deadline);
  void update_folder(const v1::UpdateFolderRequest& request, Milliseconds deadline);
  void pause_container(const std::string& container_id, Milliseconds deadline);
  void resume_container(const std::string& container_id, Milliseconds deadline);
  v1::StatsContainerReply stats_container(const std::string& container_id, Milliseconds deadline);
  v1::ExecProcessReply exec_process(const v1::ExecProcessRequest& request, Milliseconds deadline);
  void signal_process(const v1::SignalProcessRequest& request, Milliseconds deadline);
  void resize_pty(const v1::ResizePtyRequest& request, Milliseconds deadline);
  // `watch`: a ProcessEnded event will tell the end of those that the host did not start.
  v1::ListProcessesReply list_processes(const std::string& container_id, Milliseconds deadline,
                                        bool watch = false);
  void remove_process(const std::string& container_id, const std::string& exec_id, Milliseconds deadline);
  void update_network(const v1::Network& network, Milliseconds deadline);
  v1::Network list_network(Milliseconds deadline);
  void add_storages(const v1::AddStoragesRequest& request, Milliseconds deadline);
  // The numbers are as many as the devices.
  v1::FindDevicesReply find_devices(const v1::FindDevicesRequest& request, Milliseconds deadline);
  v1::OnlineResourcesReply online_resources(std::uint32_t vcpus, bool memory, Milliseconds deadline);
  v1::GetGuestDetailsReply guest_details(Milliseconds deadline);
  v1::GetTimelineReply timeline(Milliseconds deadline);

  // From any thread, also the loop's. `done` may be empty.
  void signal_process_async(const v1::SignalProcessRequest& request, Milliseconds deadline, Done done);
  void resize_pty_async(const v1::ResizePtyRequest& request, Milliseconds deadline, Done done);

  IoLoop& loop() noexcept;
  // The connection, for the streams of this folder only.
  struct Transport;
  Transport& transport() noexcept { return *transport_; }

private:
  AgentClient(IoLoop& loop, UniqueFd fd, HelloResult hello, const RpcLibrary& library);
  std::unique_ptr<Transport> transport_;
};

} // namespace nacre::agent_client
