// The host's end of the agent protocol for tests of the guest alone: no sandbox process, no plugins. Reads
// commands, one a line, `TAG VERB WORD...`, runs each on a thread of its own and answers `TAG ok ...` or `TAG
// error CODE TEXT`; what comes by itself is told as `event ...` and `drained CONTAINER EXEC`. Documents are
// named by file.
#include "agent_client/agent_client.hpp"
#include "agent_client/event_stream.hpp"
#include "agent_client/rpc_library.hpp"
#include "agent_client/stdio_pump.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <vector>

namespace {

using namespace nacre;
using namespace nacre::agent_client;
using Words = std::vector<std::string>;
constexpr std::chrono::milliseconds deadline{120'000};

std::mutex output_mutex;

void tell(const std::string& line) {
  const std::lock_guard lock(output_mutex);
  std::cout << line << std::endl;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uint32_t number(const std::string& word) {
  return static_cast<std::uint32_t>(std::stoul(word));
}

const std::string& name_or_none(const std::string& word) {
  static const std::string none;
  return word == "-" ? none : word;
}

UniqueFd open_file(const std::string& path, int flags) {
  if (path == "-") return UniqueFd();
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0600));
  if (!fd) throw_errno("open", path);
  return fd;
}

UniqueFd dial(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    throw_errno("connect", path);
  return fd;
}

std::string bytes_of_address(const std::string& text) {
  char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return {bytes, 4};
  if (::inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {bytes, 16};
  throw Error(ErrorCode::invalid_argument, "read address", text);
}

class Probe {
public:
  explicit Probe(std::string socket) : socket_(std::move(socket)), key_(first_hello_key()) {}
  ~Probe() { disconnect(); }

  std::string run(const Words& words) {
    const auto verb = verbs().find(words.at(0));
    if (verb == verbs().end()) throw Error(ErrorCode::invalid_argument, "know the verb", words[0]);
    return (this->*verb->second)(words);
  }

private:
  using Verb = std::string (Probe::*)(const Words&);

  static const std::map<std::string, Verb>& verbs() {
    static const std::map<std::string, Verb> table = {
        {"connect", &Probe::connect},
        {"disconnect", &Probe::disconnect_verb},
        {"sandbox", &Probe::sandbox},
        {"create", &Probe::create},
        {"start", &Probe::start},
        {"remove", &Probe::remove},
        {"exec", &Probe::exec},
        {"attach", &Probe::attach},
        {"signal", &Probe::signal},
        {"resize", &Probe::resize},
        {"ps", &Probe::ps},
        {"stats", &Probe::stats},
        {"timeline", &Probe::timeline},
        {"details", &Probe::details},
        {"check", &Probe::check},
        {"pause", &Probe::pause},
        {"resume", &Probe::resume},
        {"update", &Probe::update},
        {"remove-process", &Probe::remove_process},
        {"network", &Probe::network},
        {"list-network", &Probe::list_network},
        {"online", &Probe::online},
        {"destroy", &Probe::destroy},
        {"close-stdin", &Probe::close_stdin},
    };
    return table;
  }

  std::shared_ptr<AgentClient> client() {
    const std::lock_guard lock(mutex_);
    if (!client_) throw Error(ErrorCode::unavailable, "use the agent before connect");
    return client_;
  }

  std::string connect(const Words&) {
    disconnect();
    auto fd = dial(socket_);
    HelloOptions options;
    options.key = key_;
    const auto result = exchange_hello(fd.get(), options);
    key_ = result.next_key;
    const std::lock_guard lock(mutex_);
    client_ = AgentClient::connect(loop_, std::move(fd), result, RpcLibrary::load());
    for (const auto& [name, pump] : pumps_)
      pump->connect(client_);
    EventStream::Callbacks callbacks;
    callbacks.event = [this](const v1::Event& event) { tell_event(event); };
    callbacks.ended = [](const std::optional<Error>&) {};
    loop_.run([&] { events_ = EventStream::open(client_, last_event_, std::move(callbacks)); });
    return result.agent_version + (result.resumed ? " resumed" : " fresh");
  }

  void disconnect() {
    std::shared_ptr<AgentClient> client;
    {
      const std::lock_guard lock(mutex_);
      client = std::move(client_);
    }
    if (!client) return;
    loop_.run([&] {
      events_->cancel();
      events_.reset();
    });
    client->disconnect();
    client->wait_idle();
  }

  std::string disconnect_verb(const Words&) {
    disconnect();
    return {};
  }

  void tell_event(const v1::Event& event) {
    last_event_ = event.number();
    if (event.has_exit()) {
      const auto& exit = event.exit();
      tell("event " + std::to_string(event.number()) + " exit " + exit.container_id() + " " +
           (exit.exec_id().empty() ? "-" : exit.exec_id()) + " " + std::to_string(exit.status()));
    } else {
      tell("event " + std::to_string(event.number()) + " oom " + event.oom().container_id());
    }
  }

  // sandbox [SHARE-TAG]
  std::string sandbox(const Words& words) {
    v1::CreateSandboxRequest request;
    request.set_sandbox_id("probe");
    request.set_hostname("guest");
    request.set_resolv_conf("nameserver 192.0.2.1\n");
    (*request.mutable_sysctls())["net.ipv4.ip_forward"] = "1";
    if (words.size() > 1) {
      auto* share = request.add_storages();
      share->set_driver("9p");
      share->set_source(words[1]);
      share->set_mount_point("/run/nacre/share/pod");
      share->add_options("msize=262144");
    }
    client()->create_sandbox(request, deadline);
    return {};
  }

  // create ID SPEC TERMINAL STDIN ROWS COLUMNS [DRIVER SOURCE FSTYPE MOUNT-POINT OPTION,...]...
  std::string create(const Words& words) {
    v1::CreateContainerRequest request;
    request.set_container_id(words.at(1));
    request.set_spec(content_of(words.at(2)));
    request.set_terminal(words.at(3) == "1");
    request.set_has_stdin(words.at(4) == "1");
    request.set_rows(number(words.at(5)));
    request.set_columns(number(words.at(6)));
    for (std::size_t at = 7; at + 4 < words.size(); at += 5) {
      auto* storage = request.add_storages();
      storage->set_driver(words[at]);
      storage->set_source(words[at + 1]);
      storage->set_fstype(words[at + 2]);
      storage->set_mount_point(words[at + 3]);
      if (words[at + 4] != "-") storage->add_options(words[at + 4]);
    }
    return std::to_string(client()->create_container(request, deadline).guest_pid());
  }

  std::string start(const Words& words) {
    client()->start_container(words.at(1), deadline);
    return {};
  }

  // remove ID FORCE
  std::string remove(const Words& words) {
    client()->remove_container(words.at(1), words.at(2) == "1", deadline);
    const std::lock_guard lock(mutex_);
    std::erase_if(pumps_, [&](const auto& pump) { return pump.first.first == words[1]; });
    return {};
  }

  // exec ID EXEC PROCESS TERMINAL STDIN ROWS COLUMNS
  std::string exec(const Words& words) {
    v1::ExecProcessRequest request;
    request.set_container_id(words.at(1));
    request.set_exec_id(words.at(2));
    request.set_process(content_of(words.at(3)));
    request.set_terminal(words.at(4) == "1");
    request.set_has_stdin(words.at(5) == "1");
    request.set_rows(number(words.at(6)));
    request.set_columns(number(words.at(7)));
    return std::to_string(client()->exec_process(request, deadline).guest_pid());
  }

  // attach ID EXEC IN OUT ERR TERMINAL; `-` is none
  std::string attach(const Words& words) {
    const std::string id = words.at(1);
    const std::string exec = name_or_none(words.at(2));
    StdioEnds ends;
    ends.in = open_file(words.at(3), O_RDONLY);
    ends.out = open_file(words.at(4), O_WRONLY | O_CREAT);
    ends.err = open_file(words.at(5), O_WRONLY | O_CREAT);
    ends.terminal = words.at(6) == "1";
    auto pump = StdioPump::create(loop_, id, exec, std::move(ends),
                                  [id, name = words[2]] { tell("drained " + id + " " + name); });
    const std::lock_guard lock(mutex_);
    if (!client_) throw Error(ErrorCode::unavailable, "attach before connect");
    pump->connect(client_);
    pumps_[{id, exec}] = std::move(pump);
    return {};
  }

  std::string close_stdin(const Words& words) {
    const std::lock_guard lock(mutex_);
    pumps_.at({words.at(1), name_or_none(words.at(2))})->close_stdin();
    return {};
  }

  // signal ID EXEC NUMBER ALL
  std::string signal(const Words& words) {
    v1::SignalProcessRequest request;
    request.set_container_id(words.at(1));
    request.set_exec_id(name_or_none(words.at(2)));
    request.set_signal(number(words.at(3)));
    request.set_all(words.at(4) == "1");
    client()->signal_process(request, deadline);
    return {};
  }

  // resize ID EXEC ROWS COLUMNS
  std::string resize(const Words& words) {
    v1::ResizePtyRequest request;
    request.set_container_id(words.at(1));
    request.set_exec_id(name_or_none(words.at(2)));
    request.set_rows(number(words.at(3)));
    request.set_columns(number(words.at(4)));
    client()->resize_pty(request, deadline);
    return {};
  }

  std::string ps(const Words& words) {
    std::ostringstream out;
    const auto reply = client()->list_processes(words.at(1), deadline);
    for (const auto& process : reply.processes()) {
      out << process.guest_pid() << "/" << process.container_pid() << "/" << process.uid() << "/"
          << process.exec_id() << "/" << (process.argv_size() > 0 ? process.argv(0) : "") << " ";
    }
    return out.str();
  }

  std::string stats(const Words& words) {
    const auto reply = client()->stats_container(words.at(1), deadline);
    std::ostringstream out;
    out << reply.cgroup_size() << " files, memory.current " << reply.cgroup().at("memory.current");
    auto text = out.str();
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    for (const auto& link : reply.interfaces())
      text += " " + link.name() + "=" + std::to_string(link.rx_packets());
    return text;
  }

  std::string timeline(const Words&) {
    std::ostringstream out;
    const auto reply = client()->timeline(deadline);
    for (const auto& phase : reply.phases()) {
      out << phase.name() << ":" << phase.object() << ":" << phase.start_ns() / 1000 << ":"
          << phase.end_ns() / 1000 << " ";
    }
    return out.str();
  }

  std::string details(const Words&) {
    const auto reply = client()->guest_details(deadline);
    std::ostringstream out;
    out << reply.kernel_release() << " " << reply.agent_version() << " vcpus=" << reply.vcpus_online()
        << " memory=" << reply.memory_bytes() << " seccomp=" << reply.seccomp() << " drivers=";
    for (const auto& driver : reply.storage_drivers())
      out << driver << ",";
    return out.str();
  }

  std::string check(const Words&) { return std::to_string(client()->check(deadline).boottime_ns()); }

  std::string pause(const Words& words) {
    client()->pause_container(words.at(1), deadline);
    return {};
  }

  std::string resume(const Words& words) {
    client()->resume_container(words.at(1), deadline);
    return {};
  }

  std::string update(const Words& words) {
    client()->update_container(words.at(1), content_of(words.at(2)), deadline);
    return {};
  }

  std::string remove_process(const Words& words) {
    client()->remove_process(words.at(1), words.at(2), deadline);
    return {};
  }

  // network NAME MAC MTU ADDRESS/LENGTH,... GATEWAY,...
  std::string network(const Words& words) {
    v1::Network network;
    if (words.size() > 5) {
      auto* link = network.add_interfaces();
      link->set_name(words[1]);
      unsigned byte = 0;
      for (std::istringstream mac(words[2]); mac >> std::hex >> byte; mac.ignore())
        *link->mutable_mac() += static_cast<char>(byte);
      link->set_mtu(number(words[3]));
      link->set_up(true);
      std::istringstream addresses(words[4]);
      for (std::string one; std::getline(addresses, one, ',');) {
        const auto slash = one.find('/');
        auto* address = link->add_addresses();
        address->set_address(bytes_of_address(one.substr(0, slash)));
        address->set_family(address->address().size() == 4 ? 4 : 6);
        address->set_prefix_length(number(one.substr(slash + 1)));
      }
      std::istringstream gateways(words[5]);
      for (std::string one; std::getline(gateways, one, ',');) {
        auto* route = network.add_routes();
        route->set_gateway(bytes_of_address(one));
        route->set_family(route->gateway().size() == 4 ? 4 : 6);
        route->set_interface(words[1]);
      }
    }
    client()->update_network(network, deadline);
    return {};
  }

  std::string list_network(const Words&) {
    std::ostringstream out;
    const auto network = client()->list_network(deadline);
    char text[INET6_ADDRSTRLEN];
    const auto print = [&](unsigned family, const std::string& bytes) {
      return ::inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
    };
    for (const auto& link : network.interfaces()) {
      out << link.name() << " mtu " << link.mtu() << (link.up() ? " up" : " down");
      for (const auto& address : link.addresses()) {
        out << " " << print(address.family(), address.address()) << "/" << address.prefix_length();
      }
      out << "; ";
    }
    for (const auto& route : network.routes()) {
      out << "route "
          << (route.destination().empty() ? "default" : print(route.family(), route.destination())) << "/"
          << route.destination_length();
      if (!route.gateway().empty()) out << " via " << print(route.family(), route.gateway());
      out << " dev " << route.interface() << "; ";
    }
    return out.str();
  }

  // online VCPUS MEMORY
  std::string online(const Words& words) {
    const auto reply = client()->online_resources(number(words.at(1)), words.at(2) == "1", deadline);
    return std::to_string(reply.vcpus()) + " " + std::to_string(reply.memory_bytes());
  }

  std::string destroy(const Words&) {
    client()->destroy_sandbox(deadline);
    return {};
  }

  const std::string socket_;
  HelloKey key_;
  IoLoop loop_;
  std::mutex mutex_;
  std::shared_ptr<AgentClient> client_;
  std::shared_ptr<EventStream> events_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<StdioPump>> pumps_;
  std::uint64_t last_event_ = 0;
};

void answer(Probe& probe, Words words) {
  const std::string tag = words.at(0);
  words.erase(words.begin());
  try {
    const auto text = probe.run(words);
    tell(tag + " ok" + (text.empty() ? "" : " " + text));
  } catch (const Error& error) {
    tell(tag + " error " + std::to_string(static_cast<int>(error.code())) + " " + error.what());
  } catch (const std::exception& error) {
    tell(tag + " error 0 " + error.what());
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: guest-probe SOCKET\n";
    return 2;
  }
  std::vector<std::thread> threads;
  {
    Probe probe(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream stream(line);
      Words words{std::istream_iterator<std::string>(stream), {}};
      if (words.size() >= 2) threads.emplace_back(answer, std::ref(probe), std::move(words));
    }
    for (auto& thread : threads)
      thread.join();
  }
}
