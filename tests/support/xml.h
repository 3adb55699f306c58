/* Whether a text is well-formed XML: every element closed in order, quoted attributes, entities that XML has, no control characters. */
#ifndef ATTN_TESTS_XML_H
#define ATTN_TESTS_XML_H

/* NULL, or what is wrong and where. Elements are counted by name into *count where `name` is given. */
const char *test_xml_wrong(const char *text, const char *name, int *count);

#endif
