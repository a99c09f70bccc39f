#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Node {
  virtual ~Node() = default;
  virtual int weight() const { return 1; }
  std::string name;
  std::vector<std::unique_ptr<Node>> children;
};

std::unique_ptr<Node> parse(const char *text);
void count(const Node &node, std::map<std::string, int> &counts);
