// The steps of a process plan (proto/plan.proto), one function each, in their order. Each tells its failure
// and exits.
#pragma once

#include "launch/program/orders.hpp"

namespace nacre::launch {

// What must outlive the changes of root, descriptors and namespaces.
struct Anchors {
  int proc =
      -1; // the host's /proc: /proc/thread-self and /proc/self/ns through it work after a pivot as well
  int parent = -1; // pidfd of the process whose death is to end this one
};

void default_signals();                                     // every action and an empty mask
void start_session(Message plan);                           // 1
void arrange_descriptors(Orders& orders, Anchors& anchors); // 2
void join_cgroups(Message plan, std::uint32_t field);       // 3
void set_oom_score(Message plan, std::uint32_t value_field, std::uint32_t set_field);
void set_limits(Message plan);
void enter_namespaces(const Orders& orders, std::uint32_t field); // 4
void make_namespaces(const Orders& orders);
void make_mounts(const Orders& orders); // 5
void change_folder(Message plan);
void take_identity(Message plan);                      // 6
void set_labels(Message plan, const Anchors& anchors); // 7
void install_filters(Message plan);                    // 8

bool needs_supervisor(Message plan);
// Forks. Returns in the child; the parent stays, forwards signals and ends as the child ends.
void supervise(Orders& orders, Anchors& anchors);

} // namespace nacre::launch
