#include "ttrpc/task_client.hpp"

#include "base/error.hpp"

namespace nacre::ttrpc {

template <typename Response, typename Request>
Response TaskClient::call(const char* method, const Request& request, Timeout timeout) {
  const auto answer = client_.call(task_service_v2, method, request.SerializeAsString(), timeout);
  Response response;
  if (!response.ParseFromString(answer))
    throw Error(ErrorCode::internal, "call", method).because("the answer is no " + response.GetTypeName());
  return response;
}

namespace {

template <typename Request> Request for_process(const std::string& id, const std::string& exec_id) {
  Request request;
  request.set_id(id);
  request.set_exec_id(exec_id);
  return request;
}

template <typename Request> Request for_task(const std::string& id) {
  Request request;
  request.set_id(id);
  return request;
}

} // namespace

task::CreateTaskResponse TaskClient::create(const task::CreateTaskRequest& request, Timeout timeout) {
  return call<task::CreateTaskResponse>("Create", request, timeout);
}

task::StartResponse TaskClient::start(const std::string& id, const std::string& exec_id, Timeout timeout) {
  return call<task::StartResponse>("Start", for_process<task::StartRequest>(id, exec_id), timeout);
}

task::DeleteResponse TaskClient::remove(const std::string& id, const std::string& exec_id, Timeout timeout) {
  return call<task::DeleteResponse>("Delete", for_process<task::DeleteRequest>(id, exec_id), timeout);
}

void TaskClient::exec(const task::ExecProcessRequest& request, Timeout timeout) {
  call<wire::Empty>("Exec", request, timeout);
}

task::StateResponse TaskClient::state(const std::string& id, const std::string& exec_id, Timeout timeout) {
  return call<task::StateResponse>("State", for_process<task::StateRequest>(id, exec_id), timeout);
}

task::PidsResponse TaskClient::pids(const std::string& id, Timeout timeout) {
  return call<task::PidsResponse>("Pids", for_task<task::PidsRequest>(id), timeout);
}

void TaskClient::kill(const std::string& id, const std::string& exec_id, int signal, bool all,
                      Timeout timeout) {
  auto request = for_process<task::KillRequest>(id, exec_id);
  request.set_signal(static_cast<std::uint32_t>(signal));
  request.set_all(all);
  call<wire::Empty>("Kill", request, timeout);
}

void TaskClient::resize_pty(const std::string& id, const std::string& exec_id, int rows, int columns) {
  auto request = for_process<task::ResizePtyRequest>(id, exec_id);
  request.set_height(static_cast<std::uint32_t>(rows));
  request.set_width(static_cast<std::uint32_t>(columns));
  call<wire::Empty>("ResizePty", request);
}

void TaskClient::close_stdin(const std::string& id, const std::string& exec_id) {
  auto request = for_process<task::CloseIORequest>(id, exec_id);
  request.set_stdin(true);
  call<wire::Empty>("CloseIO", request);
}

task::WaitResponse TaskClient::wait(const std::string& id, const std::string& exec_id, Timeout timeout) {
  return call<task::WaitResponse>("Wait", for_process<task::WaitRequest>(id, exec_id), timeout);
}

void TaskClient::pause(const std::string& id) {
  call<wire::Empty>("Pause", for_task<task::PauseRequest>(id));
}

void TaskClient::resume(const std::string& id) {
  call<wire::Empty>("Resume", for_task<task::ResumeRequest>(id));
}

void TaskClient::update(const std::string& id, const std::string& resources_json) {
  auto request = for_task<task::UpdateTaskRequest>(id);
  request.mutable_resources()->set_type_url(
      "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources");
  request.mutable_resources()->set_value(resources_json);
  call<wire::Empty>("Update", request);
}

nacre::task::v1::RawStatsResponse TaskClient::raw_stats(const std::string& id, Timeout timeout) {
  return call<nacre::task::v1::RawStatsResponse>("RawStats", for_task<nacre::task::v1::RawStatsRequest>(id),
                                                 timeout);
}

nacre::task::v1::VolumeStatsResponse TaskClient::volume_stats(const std::string& id,
                                                              const std::string& volume_path) {
  auto request = for_task<nacre::task::v1::VolumeStatsRequest>(id);
  request.set_volume_path(volume_path);
  return call<nacre::task::v1::VolumeStatsResponse>("VolumeStats", request);
}

void TaskClient::grow_volume(const std::string& id, const std::string& volume_path, std::uint64_t bytes) {
  auto request = for_task<nacre::task::v1::GrowVolumeRequest>(id);
  request.set_volume_path(volume_path);
  request.set_bytes(bytes);
  call<nacre::task::v1::GrowVolumeResponse>("GrowVolume", request);
}

nacre::task::v1::WaitOomResponse TaskClient::wait_oom(const std::string& id, std::uint64_t after,
                                                      Timeout timeout) {
  auto request = for_task<nacre::task::v1::WaitOomRequest>(id);
  request.set_after(after);
  return call<nacre::task::v1::WaitOomResponse>("WaitOom", request, timeout);
}

void TaskClient::checkpoint(const std::string& id, const std::string& path) {
  auto request = for_task<task::CheckpointTaskRequest>(id);
  request.set_path(path);
  call<wire::Empty>("Checkpoint", request);
}

task::ConnectResponse TaskClient::connect_task(const std::string& id, Timeout timeout) {
  return call<task::ConnectResponse>("Connect", for_task<task::ConnectRequest>(id), timeout);
}

void TaskClient::shutdown(const std::string& id, Timeout timeout) {
  call<wire::Empty>("Shutdown", for_task<task::ShutdownRequest>(id), timeout);
}

} // namespace nacre::ttrpc
