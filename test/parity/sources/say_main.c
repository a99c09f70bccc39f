void say(const char *);
int entry(void) {
  say("one line\n");
  say("another\n");
  return 0;
}
