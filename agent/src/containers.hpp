// All containers of the guest and what can be done to them.
#pragma once

#include "agent.pb.h"
#include "container.hpp"
#include "crun.hpp"
#include "event_log.hpp"
#include "event_loop.hpp"
#include "listened_sockets.hpp"
#include "oom_watch.hpp"
#include "process_watch.hpp"
#include "reaper.hpp"
#include "storage.hpp"
#include "timeline.hpp"

#include <atomic>

namespace nacre::agent {

class StdioPipes;

// Thread-safe; every call throws Error. The replies' meaning is in agent.proto.
class Containers {
public:
  // `stdio_window` is the last hello's, in bytes; it counts for processes made from now on.
  Containers(EventLoop& loop, EventLog& events, Reaper& reaper, Storages& storages, ListenedSockets& sockets,
             Timeline& timeline, const std::atomic<std::size_t>& stdio_window);

  pid_t create(const v1::CreateContainerRequest& request);
  void start(const std::string& id);
  void remove(const std::string& id, bool force);
  void remove_all();
  void update(const std::string& id, const std::string& resources);
  void update_folder(const v1::UpdateFolderRequest& request);
  void freeze(const std::string& id, bool frozen);

  pid_t exec(const v1::ExecProcessRequest& request);
  void remove_process(const std::string& id, const std::string& exec_id);
  void signal(const v1::SignalProcessRequest& request);
  void resize(const v1::ResizePtyRequest& request);

  std::shared_ptr<ProcessStdio> stdio(const std::string& id, const std::string& exec_id);
  std::map<std::string, std::string> counters(const std::string& id);
  void list_processes(const v1::ListProcessesRequest& request, v1::ListProcessesReply& reply);

private:
  std::shared_ptr<Container> find(const std::string& id);
  std::shared_ptr<Container> add(const std::string& id);
  void erase(const std::string& id);
  std::shared_ptr<Process> add_process(Container& container, const std::string& exec_id);
  void prepare(Container& container, const v1::CreateContainerRequest& request);
  pid_t run_crun_create(Container& container, const v1::CreateContainerRequest& request);
  void follow(const std::shared_ptr<Process>& process, pid_t pid, StdioPipes& pipes);
  void release(Container& container);

  EventLoop& loop_;
  EventLog& events_;
  Reaper& reaper_;
  Storages& storages_;
  ListenedSockets& sockets_;
  Timeline& timeline_;
  Crun crun_;
  OomWatch oom_watch_;
  ProcessWatch process_watch_;
  const std::atomic<std::size_t>& stdio_window_;
  std::atomic<std::uint64_t> last_file_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Container>> containers_;
};

} // namespace nacre::agent
