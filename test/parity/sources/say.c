// Which library functions this may become is known when it has been imported, with the text.
int printf(const char *, ...);
void say(const char *text) { printf(text); }
