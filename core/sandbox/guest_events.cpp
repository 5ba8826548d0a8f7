// What the guest tells unasked. It is not trusted: names that nobody knows are passed over.
#include "sandbox/sandbox_impl.hpp"

namespace nacre::sandbox {

void Sandbox::Impl::handle_event(const agent_client::v1::Event& event) {
  const auto& container_id = event.has_oom()             ? event.oom().container_id()
                             : event.has_process_ended() ? event.process_ended().container_id()
                                                         : event.exit().container_id();
  std::shared_ptr<Container> container;
  std::shared_ptr<GuestProcess> process;
  {
    const std::lock_guard lock(mutex);
    const auto found = containers.find(container_id);
    if (found == containers.end()) return;
    container = found->second;
    const auto& exec_id = event.exit().exec_id();
    if (exec_id.empty())
      process = container->first;
    else if (const auto exec = container->execs.find(exec_id); exec != container->execs.end())
      process = exec->second.process;
  }
  if (event.has_oom()) {
    if (events.oom) events.oom(container->id);
  } else if (event.has_process_ended()) {
    const auto& ended = event.process_ended();
    if (container->mirrors) container->mirrors->ended(ended.guest_pid(), ended.start_time_ticks());
  } else if (event.has_exit() && process) {
    process->exited(event.exit().status() & 0xff);
  }
}

} // namespace nacre::sandbox
