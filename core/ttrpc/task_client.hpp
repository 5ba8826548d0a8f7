// The Task API as calls. One connection to one sandbox process; rules of threads and errors are those of
// Client.
#pragma once

#include "ttrpc/client.hpp"
#include "ttrpc/proto/nacre_task.pb.h"
#include "ttrpc/proto/task.pb.h"

#include <cstdint>
#include <string>

namespace nacre::ttrpc {

inline constexpr std::uint32_t task_protocol_version = 1; // state.json: protocols.task
inline constexpr const char* task_service_v2 = "containerd.task.v2.Task";
inline constexpr const char* task_service_v3 = "containerd.task.v3.Task"; // the same messages

namespace task = ::containerd::task::v2;

// Wraps a message as Any, with its full name as type.
template <typename Message> void pack_any(wire::Any& any, const Message& message) {
  any.set_type_url(message.GetTypeName());
  message.SerializeToString(any.mutable_value());
}

class TaskClient {
public:
  explicit TaskClient(Client client) : client_(std::move(client)) {}
  static TaskClient connect(const std::string& path) { return TaskClient(Client::connect(path)); }

  task::CreateTaskResponse create(const task::CreateTaskRequest& request, Timeout timeout = std::nullopt);
  task::StartResponse start(const std::string& id, const std::string& exec_id = {},
                            Timeout timeout = std::nullopt);
  task::DeleteResponse remove(const std::string& id, const std::string& exec_id = {},
                              Timeout timeout = std::nullopt);
  void exec(const task::ExecProcessRequest& request, Timeout timeout = std::nullopt);
  task::StateResponse state(const std::string& id, const std::string& exec_id = {},
                            Timeout timeout = std::nullopt);
  task::PidsResponse pids(const std::string& id, Timeout timeout = std::nullopt);
  // not_found when the process has ended.
  void kill(const std::string& id, const std::string& exec_id, int signal, bool all,
            Timeout timeout = std::nullopt);
  void resize_pty(const std::string& id, const std::string& exec_id, int rows, int columns);
  void close_stdin(const std::string& id, const std::string& exec_id);
  task::WaitResponse wait(const std::string& id, const std::string& exec_id = {},
                          Timeout timeout = std::nullopt);
  void pause(const std::string& id);
  void resume(const std::string& id);
  void update(const std::string& id, const std::string& resources_json);
  // Counters of the container in the guest.
  nacre::task::v1::RawStatsResponse raw_stats(const std::string& id, Timeout timeout = std::nullopt);
  // Of a direct volume that the container has.
  nacre::task::v1::VolumeStatsResponse volume_stats(const std::string& id, const std::string& volume_path);
  void grow_volume(const std::string& id, const std::string& volume_path, std::uint64_t bytes);
  // Returns when the container has had more OOM kills than `after`, or has ended.
  nacre::task::v1::WaitOomResponse wait_oom(const std::string& id, std::uint64_t after,
                                            Timeout timeout = std::nullopt);
  void checkpoint(const std::string& id, const std::string& path);
  task::ConnectResponse connect_task(const std::string& id, Timeout timeout = std::nullopt);
  // The sandbox process exits when it has no containers left; else nothing happens.
  void shutdown(const std::string& id, Timeout timeout = std::nullopt);

  Client& client() { return client_; }

private:
  template <typename Response, typename Request>
  Response call(const char* method, const Request& request, Timeout timeout = std::nullopt);

  Client client_;
};

} // namespace nacre::ttrpc
