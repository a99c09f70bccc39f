#include "hosted.h"
#include <stdexcept>

void count(const Node &node, std::map<std::string, int> &counts) {
  if (node.name.empty())
    throw std::runtime_error("node without a name");
  counts[node.name] += node.weight();
  for (const auto &child : node.children)
    count(*child, counts);
}
