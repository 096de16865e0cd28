complete -c fetch -s o -l output -d 'Save the body as FILE (one URL only); - writes it to standard output' -r -F
complete -c fetch -s P -l dir -d 'The directory for derived names; made if missing' -r -F
complete -c fetch -l omit -d 'With -p: leave out some of images, css, fonts, js, frames, media (comma-separated)' -r
complete -c fetch -l base -d 'With -p -: the HTML comes from standard input (a browser\'s rendered DOM, say), and this is its address' -r
complete -c fetch -l warc -d 'Also record every exchange in FILE as WARC/1.1, redirects and assets too; one gzip member a record where FILE ends in .gz' -r -F
complete -c fetch -s r -l range -d 'Ask for this byte range (0-499, 500-, -500); not with -c or -N' -r
complete -c fetch -l max-size -d 'Refuse a body that is larger, on the wire or decoded (suffixes k, M, G). With -p this limits each asset [default: 64M]; the page\'s own limit is 512M, or BYTES if larger' -r
complete -c fetch -l sha256 -d 'Save only a body with this SHA-256' -r
complete -c fetch -l progress -d 'Show progress: auto (a bar on a terminal), always, never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fetch -s H -l header -d 'Add a field; the first of a name takes the place of fetch\'s own, further ones are added; \'Name:\' removes it; CR, LF or NUL in it is bad usage' -r
complete -c fetch -s A -l user-agent -d 'User-Agent' -r
complete -c fetch -s u -l user -d 'Basic authentication (asks on the terminal for a missing password); else the URL\'s userinfo, else --netrc' -r
complete -c fetch -s b -l cookie -d 'Send these, or read a Netscape cookie file; read only. A file that is missing is an error, unless it is the --cookie-jar too: then it is empty' -r -F
complete -c fetch -l cookie-jar -d 'Write all cookies here at the end (atomic, mode 0600)' -r -F
complete -c fetch -l max-redirects -d 'Follow at most N redirects; with 0 the 3xx response is the result' -r
complete -c fetch -s x -l proxy -d 'http://, https://, socks5://, socks5h://; else http_proxy (lower case only), https_proxy, all_proxy, no_proxy; -x \'\' for none' -r
complete -c fetch -l resolve -d 'Use ADDR for that host and port (repeatable)' -r
complete -c fetch -l unix-socket -d 'Connect through this Unix socket' -r -F
complete -c fetch -l cacert -d 'Trust these PEM roots instead of the system\'s (SSL_CERT_FILE and SSL_CERT_DIR work too)' -r -F
complete -c fetch -l connect-timeout -d 'The longest that connecting may take, every address tried included; 0 for no limit' -r
complete -c fetch -s T -l timeout -d 'The longest silence while waiting for bytes; 0 for no limit' -r
complete -c fetch -s m -l max-time -d 'The whole operation\'s limit, redirects, retries, decoding and printing included' -r
complete -c fetch -l retry -d 'Again after a transient failure (connect, timeout, reset, cut-off body, 408, 429, 500, 502, 503, 504): exponential back-off with jitter, Retry-After honoured up to 60 s; a retry resumes where the last try stopped, by the rules of -c' -r
complete -c fetch -l limit-rate -d 'At most this many bytes a second (suffixes k, M, G)' -r
complete -c fetch -s i -l input-file -d 'More URLs, one a line, # comments, optionally a tab and a FILE after the URL; - reads standard input as it comes' -r -F
complete -c fetch -s j -l jobs -d 'At most N requests at once in all [default: 32]' -r
complete -c fetch -l per-host -d 'At most N requests at once to one host and port [default: 6, and 24 for the assets of a page; without -i and -j the URLs of a host are fetched one after another]' -r
complete -c fetch -l wait -d 'At least this long between requests to one host and port' -r
complete -c fetch -l skip-existing -d 'A URL whose file is already there is done'
complete -c fetch -s p -l page -d 'Save the complete page as one self-contained HTML file: images, style sheets, fonts, scripts, frames and media in it, and nothing from the network when it is opened. What is no HTML, or an error, is saved as it is; not with -c, -N, -r or -I'
complete -c fetch -s c -l continue -d 'Finish an interrupted save: FILE.part is completed with Range and If-Range, only on a strong validator that the 206 confirms and if that starts where it must; else it starts over. A file that is already complete, by its recorded entity tag or its time and length, is done'
complete -c fetch -s N -l newer -d 'Fetch only what changed: If-Modified-Since from FILE\'s time, If-None-Match from its recorded ETag; unchanged exits 0 and touches nothing. A FILE that is no longer what was saved is asked for whole'
complete -c fetch -l no-compression -d 'Neither request nor decode content codings (gzip, deflate, br, zstd are decoded by default)'
complete -c fetch -l include-error-body -d 'Save the body of a 4xx or 5xx response too (the exit status stays 8)'
complete -c fetch -s q -l quiet -d 'No headers, no progress, no notes; errors still'
complete -c fetch -s v -l verbose -d 'Also what was tried and used: addresses, TLS version and certificate subject, the request\'s header section (credentials hidden), timings'
complete -c fetch -l json -d 'Instead of headers, one JSON object for each URL on standard output, written whole and at once, in order of completion; with -p it says which assets are missing, and why'
complete -c fetch -s I -l head -d 'HEAD: print the headers, save nothing'
complete -c fetch -l netrc -d 'Credentials from ~/.netrc (or $NETRC)'
complete -c fetch -s 4 -l ipv4 -d 'Only IPv4 addresses'
complete -c fetch -s 6 -l ipv6 -d 'Only IPv6 addresses'
complete -c fetch -s k -l insecure -d 'Do not verify the server\'s certificate'
complete -c fetch -l allow-private -d 'Let redirects and the assets of pages lead from a public address to a loopback, private, link-local or otherwise special one'
complete -c fetch -s h -l help -d 'Print this help'
complete -c fetch -s V -l version -d 'Print the version'
