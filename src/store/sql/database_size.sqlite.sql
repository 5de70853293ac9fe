SELECT page_count * page_size AS value
FROM pragma_page_count(), pragma_page_size()
