// Of a C library in bitcode: nothing pulls it in.
int puts(const char *text) { return text[1]; }
