#include "agent_client/agent_client.hpp"

#include "agent_client/rpc_library.hpp"
#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <sys/socket.h>

namespace nacre::agent_client {
namespace {

// "Check" -> "/nacre.agent.v1.Agent/Check"
template <typename Reply>
Reply call(AgentClient::Transport& transport, const char* method,
           const google::protobuf::MessageLite& request, AgentClient::Milliseconds deadline,
           std::string_view operation, std::string_view object = {}) {
  std::string bytes;
  const RpcStatus status =
      transport.channel->call(method_path(method).c_str(), request.SerializeAsString(), bytes, deadline);
  if (!status.ok()) throw to_error(status, operation, object);
  Reply reply;
  if (!reply.ParseFromString(bytes)) throw unreadable_answer(operation, object);
  return reply;
}

template <typename Request> Request named(const std::string& container_id) {
  Request request;
  request.set_container_id(container_id);
  return request;
}

// One call whose end nobody waits for and whose reply is empty. Deletes itself.
class AsyncCall : public Completion {
public:
  AsyncCall(std::shared_ptr<AgentClient> client, AgentClient::Done done, std::string operation,
            std::string object)
      : client_(std::move(client)), done_(std::move(done)), operation_(std::move(operation)),
        object_(std::move(object)) {}

  void start(const char* method, const google::protobuf::MessageLite& request,
             AgentClient::Milliseconds deadline) {
    auto& transport = client_->transport();
    transport.begin_use();
    transport.channel->call_async(method_path(method).c_str(), request.SerializeAsString(), deadline, reply_,
                                  status_, *this);
  }

  void completed(bool) override {
    const std::unique_ptr<AsyncCall> self(this);
    client_->transport().end_use();
    if (!done_) return;
    if (status_.ok()) return done_(std::nullopt);
    done_(to_error(status_, operation_, object_));
  }

private:
  std::shared_ptr<AgentClient> client_;
  AgentClient::Done done_;
  std::string operation_, object_;
  RpcStatus status_;
  std::string reply_;
};

} // namespace

std::string method_path(std::string_view method) {
  return (method.starts_with('/') ? "" : "/nacre.agent.v1.Agent/") + std::string(method);
}

AgentClient::Transport::Transport(IoLoop& io_loop, UniqueFd fd, HelloResult result, const RpcLibrary& library)
    : loop(io_loop), hello(std::move(result)), control(fd.duplicate()),
      channel(library.connect(std::move(fd), [this](Completion& completion, bool ok) {
        loop.post([&completion, ok] { completion.completed(ok); });
      })) {}

AgentClient::Transport::~Transport() {
  ::shutdown(control.get(), SHUT_RDWR);
}

void AgentClient::Transport::begin_use() {
  const std::lock_guard lock(mutex);
  ++users;
}

void AgentClient::Transport::end_use() {
  const std::lock_guard lock(mutex);
  if (--users == 0) idle.notify_all();
}

AgentClient::AgentClient(IoLoop& loop, UniqueFd fd, HelloResult hello, const RpcLibrary& library)
    : transport_(std::make_unique<Transport>(loop, std::move(fd), std::move(hello), library)) {}

AgentClient::~AgentClient() = default;

std::shared_ptr<AgentClient> AgentClient::connect(IoLoop& loop, UniqueFd fd, HelloResult hello,
                                                  const RpcLibrary& library) {
  return std::shared_ptr<AgentClient>(new AgentClient(loop, std::move(fd), std::move(hello), library));
}

const HelloResult& AgentClient::hello() const noexcept {
  return transport_->hello;
}
IoLoop& AgentClient::loop() noexcept {
  return transport_->loop;
}

void AgentClient::disconnect() noexcept {
  ::shutdown(transport_->control.get(), SHUT_RDWR);
}

void AgentClient::wait_idle() {
  std::unique_lock lock(transport_->mutex);
  transport_->idle.wait(lock, [&] { return transport_->users == 0; });
}

v1::CheckReply AgentClient::check(Milliseconds deadline) {
  return call<v1::CheckReply>(*transport_, "Check", v1::CheckRequest(), deadline, "ask the agent for life");
}

void AgentClient::create_sandbox(const v1::CreateSandboxRequest& request, Milliseconds deadline) {
  call<v1::CreateSandboxReply>(*transport_, "CreateSandbox", request, deadline, "set up the guest of sandbox",
                               request.sandbox_id());
}

void AgentClient::destroy_sandbox(Milliseconds deadline) {
  call<v1::DestroySandboxReply>(*transport_, "DestroySandbox", v1::DestroySandboxRequest(), deadline,
                                "end the guest's sandbox");
}

v1::CreateContainerReply AgentClient::create_container(const v1::CreateContainerRequest& request,
                                                       Milliseconds deadline) {
  return call<v1::CreateContainerReply>(*transport_, "CreateContainer", request, deadline, "create container",
                                        request.container_id());
}

void AgentClient::start_container(const std::string& container_id, Milliseconds deadline) {
  call<v1::StartContainerReply>(*transport_, "StartContainer", named<v1::StartContainerRequest>(container_id),
                                deadline, "start container", container_id);
}

void AgentClient::remove_container(const std::string& container_id, bool force, Milliseconds deadline) {
  auto request = named<v1::RemoveContainerRequest>(container_id);
  request.set_force(force);
  call<v1::RemoveContainerReply>(*transport_, "RemoveContainer", request, deadline, "remove container",
                                 container_id);
}

void AgentClient::update_container(const std::string& container_id, const std::string& resources,
                                   Milliseconds deadline) {
  auto request = named<v1::UpdateContainerRequest>(container_id);
  request.set_resources(resources);
  call<v1::UpdateContainerReply>(*transport_, "UpdateContainer", request, deadline, "update container",
                                 container_id);
}

void AgentClient::pause_container(const std::string& container_id, Milliseconds deadline) {
  call<v1::PauseContainerReply>(*transport_, "PauseContainer", named<v1::PauseContainerRequest>(container_id),
                                deadline, "pause container", container_id);
}

void AgentClient::resume_container(const std::string& container_id, Milliseconds deadline) {
  call<v1::ResumeContainerReply>(*transport_, "ResumeContainer",
                                 named<v1::ResumeContainerRequest>(container_id), deadline,
                                 "resume container", container_id);
}

v1::StatsContainerReply AgentClient::stats_container(const std::string& container_id, Milliseconds deadline) {
  return call<v1::StatsContainerReply>(*transport_, "StatsContainer",
                                       named<v1::StatsContainerRequest>(container_id), deadline,
                                       "get statistics of container", container_id);
}

v1::ExecProcessReply AgentClient::exec_process(const v1::ExecProcessRequest& request, Milliseconds deadline) {
  return call<v1::ExecProcessReply>(*transport_, "ExecProcess", request, deadline,
                                    "start a process in container", request.container_id());
}

void AgentClient::signal_process(const v1::SignalProcessRequest& request, Milliseconds deadline) {
  call<v1::SignalProcessReply>(*transport_, "SignalProcess", request, deadline, "signal container",
                               request.container_id());
}

void AgentClient::resize_pty(const v1::ResizePtyRequest& request, Milliseconds deadline) {
  call<v1::ResizePtyReply>(*transport_, "ResizePty", request, deadline, "resize the terminal of container",
                           request.container_id());
}

v1::ListProcessesReply AgentClient::list_processes(const std::string& container_id, Milliseconds deadline,
                                                   bool watch) {
  auto request = named<v1::ListProcessesRequest>(container_id);
  request.set_watch(watch);
  return call<v1::ListProcessesReply>(*transport_, "ListProcesses", request, deadline,
                                      "list the processes of container", container_id);
}

void AgentClient::remove_process(const std::string& container_id, const std::string& exec_id,
                                 Milliseconds deadline) {
  auto request = named<v1::RemoveProcessRequest>(container_id);
  request.set_exec_id(exec_id);
  call<v1::RemoveProcessReply>(*transport_, "RemoveProcess", request, deadline, "remove process", exec_id);
}

void AgentClient::update_network(const v1::Network& network, Milliseconds deadline) {
  v1::UpdateNetworkRequest request;
  *request.mutable_network() = network;
  call<v1::UpdateNetworkReply>(*transport_, "UpdateNetwork", request, deadline,
                               "configure the guest's network");
}

v1::Network AgentClient::list_network(Milliseconds deadline) {
  return call<v1::ListNetworkReply>(*transport_, "ListNetwork", v1::ListNetworkRequest(), deadline,
                                    "list the guest's network")
      .network();
}

v1::StatFileSystemReply AgentClient::stat_file_system(const std::string& path, Milliseconds deadline) {
  v1::StatFileSystemRequest request;
  request.set_path(path);
  return call<v1::StatFileSystemReply>(*transport_, "StatFileSystem", request, deadline,
                                       "look at a file system of the guest");
}

void AgentClient::grow_disk(const v1::GrowDiskRequest& request, Milliseconds deadline) {
  call<v1::GrowDiskReply>(*transport_, "GrowDisk", request, deadline, "grow a disk in the guest");
}

void AgentClient::update_folder(const v1::UpdateFolderRequest& request, Milliseconds deadline) {
  call<v1::UpdateFolderReply>(*transport_, "UpdateFolder", request, deadline,
                              "carry changes of a folder into the guest");
}

void AgentClient::add_storages(const v1::AddStoragesRequest& request, Milliseconds deadline) {
  call<v1::AddStoragesReply>(*transport_, "AddStorages", request, deadline, "mount storages in the guest");
}

v1::FindDevicesReply AgentClient::find_devices(const v1::FindDevicesRequest& request, Milliseconds deadline) {
  const auto* operation = "find the guest's devices";
  auto reply = call<v1::FindDevicesReply>(*transport_, "FindDevices", request, deadline, operation);
  if (reply.numbers_size() != request.devices_size()) throw unreadable_answer(operation, {});
  return reply;
}

v1::OnlineResourcesReply AgentClient::online_resources(std::uint32_t vcpus, bool memory,
                                                       Milliseconds deadline) {
  v1::OnlineResourcesRequest request;
  request.set_vcpus(vcpus);
  request.set_memory(memory);
  return call<v1::OnlineResourcesReply>(*transport_, "OnlineResources", request, deadline,
                                        "bring CPUs and memory online in the guest");
}

v1::GetGuestDetailsReply AgentClient::guest_details(Milliseconds deadline) {
  return call<v1::GetGuestDetailsReply>(*transport_, "GetGuestDetails", v1::GetGuestDetailsRequest(),
                                        deadline, "ask about the guest");
}

v1::GetTimelineReply AgentClient::timeline(Milliseconds deadline) {
  return call<v1::GetTimelineReply>(*transport_, "GetTimeline", v1::GetTimelineRequest(), deadline,
                                    "get the guest's timeline");
}

void AgentClient::signal_process_async(const v1::SignalProcessRequest& request, Milliseconds deadline,
                                       Done done) {
  auto* pending =
      new AsyncCall(shared_from_this(), std::move(done), "signal container", request.container_id());
  pending->start("SignalProcess", request, deadline);
}

void AgentClient::resize_pty_async(const v1::ResizePtyRequest& request, Milliseconds deadline, Done done) {
  auto* pending = new AsyncCall(shared_from_this(), std::move(done), "resize the terminal of container",
                                request.container_id());
  pending->start("ResizePty", request, deadline);
}

} // namespace nacre::agent_client
