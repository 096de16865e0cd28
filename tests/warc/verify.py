#!/usr/bin/env python3
"""Judges a WARC file with the archivists' tools: warcio, cdxj-indexer, pywb.

    verify.py check FILE [--earlier FILE]...
    verify.py recompress FILE
    verify.py index FILE
    verify.py replay FILE URL|RECORD-ID EXPECTED [URL|RECORD-ID EXPECTED]... [--earlier FILE]...
    verify.py list FILE
    verify.py block FILE RECORD-ID

Exit status: 0 if all is well; 1 if not, with the reasons on standard error; 2 for usage.

The file is read twice, by warcio and by a strict reader of this script's own: warcio is lenient
where a writer's mistake should show. The words are those of WARC/1.1 (ISO 28500:2017).
"""

import argparse
import base64
import collections
import contextlib
import dataclasses
import datetime
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zlib


class Failure(Exception):
    """Why a file is refused; every argument is one reason."""


# ---------------------------------------------------------------------------------------------
# Reading WARC files, strictly
# ---------------------------------------------------------------------------------------------

GZIP_MAGIC = b'\x1f\x8b'
VERSIONS = ('WARC/1.1', 'WARC/1.0')
RECORD_END = b'\r\n\r\n'


@dataclasses.dataclass
class Record:
    """One record, and where it stands in its file."""

    offset: int
    # In the file: of the gzip member, or of the record with the two line ends after its block.
    length: int
    version: str
    # Pairs of name and value, in the order of the file.
    headers: list
    block: bytes

    def values(self, name):
        """The values of every header of this name, which is compared without regard to case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        """The value of the first header of this name, or None."""
        return next(iter(self.values(name)), None)

    @property
    def type(self):
        return self.header('WARC-Type')

    @property
    def id(self):
        return self.header('WARC-Record-ID')

    @property
    def target_uri(self):
        """WARC-Target-URI; without the angle brackets that WARC/1.0's grammar has around it."""
        uri = self.header('WARC-Target-URI')
        if uri and self.version == 'WARC/1.0' and uri.startswith('<') and uri.endswith('>'):
            return uri[1:-1]
        return uri

    def __str__(self):
        return f'offset {self.offset}, {self.type} {self.id}'


def parse_record_header(data, offset):
    """The version, the headers and the length of everything up to the block."""
    end = data.find(RECORD_END)
    if end < 0:
        raise Failure(f'offset {offset}: the record header has no end: {data[:60]!r}')
    try:
        lines = data[:end].decode('utf-8').split('\r\n')
    except UnicodeDecodeError as error:
        raise Failure(f'offset {offset}: the record header is not UTF-8: {error}') from None
    version = lines[0]
    if version not in VERSIONS:
        raise Failure(f'offset {offset}: the record begins with {version[:60]!r}, not WARC/1.1')
    headers = []
    for line in lines[1:]:
        # Continuation lines are legal, and read differently by every reader.
        name, colon, value = line.partition(':')
        if not colon or not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
            raise Failure(f'offset {offset}: not a header line: {line[:60]!r}')
        if re.search(r'[\x00-\x08\x0a-\x1f\x7f]', value):
            raise Failure(f'offset {offset}: a control character in {line[:60]!r}')
        headers.append((name, value.strip(' \t')))
    return version, headers, end + len(RECORD_END)


def parse_record(data, offset, length=None):
    """The record that data begins with, and how many bytes of data it takes.

    length is that of the gzip member that held data, if one did.
    """
    version, headers, start = parse_record_header(data, offset)
    lengths = [value for name, value in headers if name.lower() == 'content-length']
    if len(lengths) != 1 or not re.fullmatch('[0-9]+', lengths[0]):
        raise Failure(f'offset {offset}: one Content-Length in digits is needed, not {lengths}')
    end = start + int(lengths[0])
    if end > len(data):
        raise Failure(f'offset {offset}: Content-Length is {lengths[0]}, '
                      f'but only {len(data) - start} bytes follow the header')
    taken = end + len(RECORD_END)
    if data[end:taken] != RECORD_END:
        raise Failure(f'offset {offset}: after the block stand {data[end:taken]!r}, '
                      'not two line ends')
    return Record(offset, length or taken, version, headers, data[start:end]), taken


def read_gzip_member(data, offset):
    """The content of the gzip member at offset, and the member's length."""
    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = decompressor.decompress(data[offset:])
    except zlib.error as error:
        raise Failure(f'offset {offset}: not a gzip member: {error}') from None
    if not decompressor.eof:
        raise Failure(f'offset {offset}: the gzip member is cut off')
    return content, len(data) - offset - len(decompressor.unused_data)


def read_records(path):
    """Every record of the file, which has to consist of records and of nothing else."""
    with open(path, 'rb') as file:
        data = file.read()
    compressed = data.startswith(GZIP_MAGIC)
    if compressed != path.endswith('.gz'):
        raise Failure(f'{path}: {"compressed" if compressed else "not compressed"}, '
                      'which the name denies')
    if not data:
        raise Failure(f'{path}: the file is empty')
    records = []
    offset = 0
    while offset < len(data):
        if compressed:
            content, length = read_gzip_member(data, offset)
            record, taken = parse_record(content, offset, length)
            if taken != len(content):
                raise Failure(f'{record}: its gzip member goes on after the record, '
                              f'with {content[taken:taken + 40]!r}')
        else:
            record, length = parse_record(data[offset:], offset)
        records.append(record)
        offset += length
    return records


# ---------------------------------------------------------------------------------------------
# HTTP messages in blocks
# ---------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Message:
    """An HTTP message as a record's block has it."""

    start_line: str
    headers: list
    body: bytes

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def status(self):
        """The status code of a response, or None."""
        match = re.match(r'HTTP/\S+ +(\d{3})', self.start_line)
        return int(match.group(1)) if match else None

    @property
    def transfer_codings(self):
        """The transfer codings in lower case, in the order in which they were applied."""
        codings = [coding.strip().lower() for value in self.values('Transfer-Encoding')
                   for coding in value.split(',')]
        return [coding for coding in codings if coding not in ('', 'identity')]


def parse_message(block):
    """The HTTP message in a block; None if its header section has no end."""
    end = re.search(rb'\r?\n\r?\n', block)
    if not end:
        return None
    lines = re.split(r'\r?\n', block[:end.start()].decode('latin-1'))
    headers = [tuple(part.strip(' \t') for part in line.split(':', 1))
               for line in lines[1:] if ':' in line]
    return Message(lines[0], headers, block[end.end():])


def is_chunked(record):
    """Whether the block is an HTTP message whose transfer coding is chunked."""
    if record.type not in ('request', 'response'):
        return False
    message = parse_message(record.block)
    return message is not None and 'chunked' in message.transfer_codings


def remove_chunked_coding(body):
    """What the chunks hold, and what is wrong with the framing (None if nothing is)."""
    payload = bytearray()
    position = 0
    while True:
        line_end = body.find(b'\r\n', position)
        if line_end < 0:
            return bytes(payload), 'the chunked body is cut off'
        size = body[position:line_end].split(b';')[0].strip()
        if not re.fullmatch(rb'[0-9A-Fa-f]+', size):
            return bytes(payload), f'not the size of a chunk: {size[:20]!r}'
        position = line_end + 2
        size = int(size, 16)
        if size == 0:
            break
        chunk = body[position:position + size]
        payload += chunk
        position += size
        if body[position:position + 2] != b'\r\n':
            cut_off = position + 2 > len(body)
            return bytes(payload), ('the chunked body is cut off' if cut_off
                                    else 'no line end after a chunk')
        position += 2
    while True:  # the trailer section
        line_end = body.find(b'\r\n', position)
        if line_end < 0:
            return bytes(payload), "the chunked body's trailer section is cut off"
        empty = line_end == position
        position = line_end + 2
        if empty:
            break
    if position < len(body):
        return bytes(payload), f'{len(body) - position} bytes follow the chunked body'
    return bytes(payload), None


def remove_transfer_codings(message):
    """The payload of a message, and what is wrong with its framing (None if nothing is)."""
    codings = message.transfer_codings
    if codings == ['chunked']:
        return remove_chunked_coding(message.body)
    if codings:
        return message.body, f'this script cannot undo the transfer coding {", ".join(codings)}'
    lengths = {value.strip() for value in message.values('Content-Length')}
    if len(lengths) == 1 and next(iter(lengths)).isdigit():
        length = int(next(iter(lengths)))
        if len(message.body) > length:
            return message.body, f'the body has {len(message.body)} bytes, Content-Length {length}'
        # None at all is right where HEAD was asked for, and for 304.
        if 0 < len(message.body) < length:
            return message.body, f'the body is cut off: {len(message.body)} bytes of {length}'
    return message.body, None


# ---------------------------------------------------------------------------------------------
# check
# ---------------------------------------------------------------------------------------------

CAPTURE_TYPES = ('response', 'revisit')
MANDATORY_HEADERS = ('WARC-Type', 'WARC-Record-ID', 'WARC-Date', 'Content-Length')
TYPES_WITH_TARGET_URI = ('request', 'response', 'revisit', 'metadata')
REPEATABLE_HEADERS = ('warc-concurrent-to', 'warc-protocol')
TRUNCATION_REASONS = ('length', 'time', 'disconnect', 'unspecified')
IDENTICAL_PAYLOAD_DIGEST = 'identical-payload-digest'
SERVER_NOT_MODIFIED = 'server-not-modified'
SHA1_BASE32 = re.compile('sha1:[A-Z2-7]{32}')
RECORD_ID = re.compile(r'<[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>]+>')
WARC_DATE = {
    'WARC/1.0': re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ'),
    'WARC/1.1': re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z'),
}
# By record type; the indexers know records that are not captures by 'application/warc-fields'.
CONTENT_TYPES = {
    'warcinfo': re.compile('application/warc-fields'),
    'metadata': re.compile('application/warc-fields'),
    'request': re.compile('application/http; ?msgtype=request'),
    'response': re.compile('application/http; ?msgtype=response'),
    'revisit': re.compile('application/http; ?msgtype=response'),
}


def digest(data):
    """The labelled digest of data."""
    return 'sha1:' + base64.b32encode(hashlib.sha1(data).digest()).decode('ascii')


def check_headers(record):
    """Problems with the headers of one record, each seen by itself."""
    for name in MANDATORY_HEADERS:
        if record.header(name) is None:
            yield f'{name} is missing'
    if record.type in TYPES_WITH_TARGET_URI and not record.target_uri:
        yield 'WARC-Target-URI is missing'
    counts = collections.Counter(name.lower() for name, _ in record.headers)
    for name, count in counts.items():
        if count > 1 and name not in REPEATABLE_HEADERS:
            yield f'{name} stands there {count} times'
    if record.target_uri and not re.fullmatch(r'[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>]+',
                                              record.target_uri):
        yield f'not a URI, or one in angle brackets: WARC-Target-URI: {record.target_uri}'
    if '#' in (record.target_uri or ''):
        yield f'a fragment was never requested: WARC-Target-URI: {record.target_uri}'
    for name in ('WARC-Record-ID', 'WARC-Concurrent-To', 'WARC-Refers-To', 'WARC-Warcinfo-ID'):
        for value in record.values(name):
            if not RECORD_ID.fullmatch(value):
                yield f'not a URI in angle brackets: {name}: {value}'
    for name in ('WARC-Date', 'WARC-Refers-To-Date'):
        for value in record.values(name):
            if not WARC_DATE[record.version].fullmatch(value):
                yield f'not a date in UTC: {name}: {value}'
    for value in record.values('WARC-Truncated'):
        if value not in TRUNCATION_REASONS:
            yield f'not a reason: WARC-Truncated: {value}'
    expected = CONTENT_TYPES.get(record.type)
    of_the_web = (record.target_uri or 'http:').startswith(('http:', 'https:'))
    if expected and of_the_web and record.block and not expected.fullmatch(record.header('Content-Type') or ''):
        yield f'Content-Type is {record.header("Content-Type")}'
    if record.type == 'warcinfo':
        for name in ('WARC-Target-URI', 'WARC-Concurrent-To', 'WARC-Refers-To', 'WARC-IP-Address'):
            if record.header(name) is not None:
                yield f'{name} has no place in a warcinfo record'


def check_digests(record):
    """Problems with the digests of one record, and with the framing of what they cover.

    The payload digest is that of the payload with the transfer coding removed and the content
    coding in place (iipc/warc-specifications issue 22).
    """
    for name in ('WARC-Block-Digest', 'WARC-Payload-Digest'):
        for value in record.values(name):
            if not SHA1_BASE32.fullmatch(value):
                yield f'not sha1 in base32: {name}: {value}'
    stated = record.header('WARC-Block-Digest')
    if stated and stated != digest(record.block):
        yield f'block digest failed: {stated}, computed {digest(record.block)}'

    if record.type not in ('request', 'response'):
        return
    stated = record.header('WARC-Payload-Digest')
    truncated = record.header('WARC-Truncated') is not None
    message = parse_message(record.block)
    if message is None:
        if not truncated:
            yield 'the HTTP header section has no end'
        payload = b''
    else:
        payload, problem = remove_transfer_codings(message)
        if problem and not truncated:
            yield f'{problem}, and there is no WARC-Truncated'
        if message.status is not None and 100 <= message.status < 200 and message.status != 101:
            yield f'the block begins with an interim response, {message.status}'
    if stated and stated != digest(payload):
        yield f'payload digest failed: {stated}, computed {digest(payload)}'


def check_references(record, ids, warcinfo_ids):
    """Problems with the other records of the file that a record names."""
    for value in record.values('WARC-Concurrent-To'):
        if value not in ids:
            yield f'WARC-Concurrent-To: {value} is not in the file'
        if value == record.id:
            yield 'WARC-Concurrent-To names the record itself'
    for value in record.values('WARC-Warcinfo-ID'):
        if value not in warcinfo_ids:
            yield f'WARC-Warcinfo-ID: {value} is no warcinfo record of the file'


def check_revisit(record, originals):
    """Problems with a revisit record, given the response records that precede it."""
    profile = record.header('WARC-Profile') or ''
    match = re.fullmatch(r'http://netpreserve\.org/warc/(1\.[01])/revisit/([a-z-]+)', profile)
    if not match or match.group(2) not in (IDENTICAL_PAYLOAD_DIGEST, SERVER_NOT_MODIFIED):
        yield f'not a profile of the standard: WARC-Profile: {profile}'
        return
    if f'WARC/{match.group(1)}' != record.version:
        yield f"WARC-Profile is of another version than the record's {record.version}: {profile}"
    identical = match.group(2) == IDENTICAL_PAYLOAD_DIGEST

    uri = record.header('WARC-Refers-To-Target-URI')
    date = record.header('WARC-Refers-To-Date')
    stated = record.header('WARC-Payload-Digest')
    if not uri:
        yield 'WARC-Refers-To-Target-URI is missing'
    if not date:
        yield 'WARC-Refers-To-Date is missing'
    if identical and not stated:
        yield 'WARC-Payload-Digest is missing'
    matching = [original for original in originals
                if original.target_uri == uri and original.header('WARC-Date') == date]
    if uri and date and not matching:
        yield f'no earlier response record of {uri} at {date}'
    if matching and stated:
        matching = [original for original in matching
                    if original.header('WARC-Payload-Digest') == stated]
        if not matching:
            yield f'the response record of {uri} at {date} has another payload digest'
    for value in record.values('WARC-Refers-To'):
        if matching and value not in [original.id for original in matching]:
            yield f'WARC-Refers-To: {value} is not the response record of {uri} at {date}'

    if not record.block:
        return
    message = parse_message(record.block)
    if message is None:
        yield 'the HTTP header section in the block has no end'
    elif message.body:
        yield f'{len(message.body)} bytes follow the HTTP header section in the block'
    if identical and record.header('WARC-Truncated') != 'length':
        yield 'WARC-Truncated: length is missing'


def check_with_warcio(path, records):
    """Problems that warcio has with the file, which it reads for itself.

    warcio computes the payload digest of a chunked body over the chunks and all (its issue 75);
    what it says about those is left to check_digests. It checks no digest of a revisit record.
    """
    from warcio.archiveiterator import ArchiveIterator

    found = []
    said = io.StringIO()
    with open(path, 'rb') as file, contextlib.redirect_stderr(said):
        iterator = ArchiveIterator(file, check_digests=True)
        try:
            for read in iterator:
                while read.raw_stream.read(1 << 20):
                    pass
                offset, _ = iterator.get_record_offset(), iterator.get_record_length()
                found.append((offset, read.rec_headers.get_header('WARC-Record-ID'),
                              read.digest_checker.problems))
        except Exception as error:  # not only its own: it trusts headers to be there
            yield f'warcio: {error!r}'
    for line in said.getvalue().splitlines():
        yield f'warcio: {line.strip()}'
    if [(offset, id) for offset, id, _ in found] != [(record.offset, record.id)
                                                   for record in records]:
        yield f'warcio finds {len(found)} records, or others; there are {len(records)}'
        return
    for record, (_, _, problems) in zip(records, found):
        for problem in problems:
            if not (problem.startswith('payload digest') and is_chunked(record)):
                yield f'{record}: warcio: {problem}'


def check(path, earlier):
    """Everything that a reader may rely on."""
    records = read_records(path)
    originals = [record for other in earlier for record in read_records(other)
                 if record.type == 'response']
    ids = {record.id for record in records}
    warcinfo_ids = {record.id for record in records if record.type == 'warcinfo'}
    problems = []
    for id, count in collections.Counter(record.id for record in records).items():
        if count > 1:
            problems.append(f'{count} records have the WARC-Record-ID {id}')
    for record in records:
        found = [*check_headers(record), *check_digests(record),
                 *check_references(record, ids, warcinfo_ids)]
        if record.type == 'revisit':
            found += check_revisit(record, originals)
        if record.type == 'response':
            originals.append(record)
        problems += [f'{record}: {problem}' for problem in found]
    problems += check_with_warcio(path, records)
    if problems:
        raise Failure(*problems)


# ---------------------------------------------------------------------------------------------
# recompress, index
# ---------------------------------------------------------------------------------------------

def run_tool(name, *arguments):
    """The output of a program that is installed beside this Python."""
    program = os.path.join(os.path.dirname(sys.executable), name)
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        raise Failure(f'{name} {" ".join(arguments)}: exit status {done.returncode}',
                      *(done.stdout + done.stderr).splitlines())
    return done.stdout


def recompress(path):
    """Has warcio rewrite the file, and compares the records."""
    before = read_records(path)
    with tempfile.TemporaryDirectory() as directory:
        rewritten = os.path.join(directory, 'recompressed.warc.gz')
        output = run_tool('warcio', 'recompress', path, rewritten)
        # Where the members were wrong, warcio mends them, says so, and exits with 0.
        if 'No Errors Found!' not in output:
            raise Failure('warcio had to mend the file', *output.splitlines())
        after = read_records(rewritten)
    if [(r.type, r.id) for r in before] != [(r.type, r.id) for r in after]:
        raise Failure(f'warcio made {[r.type for r in after]} of {[r.type for r in before]}')


def index(path):
    """The lines of cdxj-indexer: one for each response and revisit record, in their order.

    Lines of other URIs than http and https (wget stores its log so) are left out.
    """
    captures = [record for record in read_records(path) if record.type in CAPTURE_TYPES]
    lines = [line for line in run_tool('cdxj-indexer', path).splitlines()
             if json.loads(line.split(' ', 2)[2])['url'].startswith(('http:', 'https:'))]
    print(*lines, sep='\n')
    if len(lines) != len(captures):
        raise Failure(f'cdxj-indexer prints {len(lines)} lines for {len(captures)} captures')
    for line, record in zip(lines, captures):
        _, timestamp, fields = line.split(' ', 2)
        fields = json.loads(fields)
        expected = {
            'url': record.target_uri,
            'offset': str(record.offset),
            'digest': record.header('WARC-Payload-Digest'),
        }
        for name, value in expected.items():
            # A digest that the record does not have is computed.
            if value is not None and fields.get(name) != value:
                raise Failure(f'{record}: {name} is {fields.get(name)!r} in the index, '
                              f'not {value!r}')
        if (fields.get('mime') == 'warc/revisit') != (record.type == 'revisit'):
            raise Failure(f'{record}: mime is {fields.get("mime")!r} in the index')
        if timestamp != timestamp14(record):
            raise Failure(f'{record}: {timestamp} in the index')


# ---------------------------------------------------------------------------------------------
# replay
# ---------------------------------------------------------------------------------------------

COLLECTION = 'test'


def timestamp14(record):
    """WARC-Date as wayback machines write it, to the second."""
    return re.sub('[^0-9]', '', record.header('WARC-Date')[:19])


def find_capture(records, wanted):
    """The last capture of a URL, or the capture with a record ID (angle brackets or not)."""
    captures = [record for record in records if record.type in CAPTURE_TYPES]
    found = [record for record in captures
             if record.target_uri == wanted or record.id.strip('<>') == wanted.strip('<>')]
    if not found:
        raise Failure(f'no response or revisit record of {wanted}')
    return found[-1]


def make_collection(paths):
    """Makes a collection of the files in the current directory, as wb-manager does.

    To pywb, captures of a URL in the same second are one: it would replay the first of them.
    So they are moved apart in its index, a second each, in the order of the files. Returns the
    timestamp of every capture, by file name and offset.
    """
    from pywb.manager.manager import CollectionsManager

    with open('config.yaml', 'w') as file:
        file.write('debug: false\n')
    manager = CollectionsManager(COLLECTION, must_exist=False)
    manager.add_collection()
    manager.add_archives(paths)

    index_path = os.path.join(manager.indexes_dir, manager.DEF_INDEX_FILE)
    entries = []
    with open(index_path) as file:
        for line in file:
            key, timestamp, fields = line.rstrip('\n').split(' ', 2)
            capture = json.loads(fields)
            entries.append((key, timestamp, capture['filename'], int(capture['offset']), fields))
    entries.sort()
    timestamps = {}
    lines = []
    previous_key = previous_time = None
    for key, timestamp, name, offset, fields in entries:
        time = datetime.datetime.strptime(timestamp, '%Y%m%d%H%M%S')
        if key == previous_key and time <= previous_time:
            time = previous_time + datetime.timedelta(seconds=1)
        previous_key, previous_time = key, time
        timestamps[name, offset] = time.strftime('%Y%m%d%H%M%S')
        lines.append(f'{key} {timestamps[name, offset]} {fields}\n')
    with open(index_path, 'w') as file:
        file.writelines(lines)
    return timestamps


@contextlib.contextmanager
def pywb_server():
    """pywb in this process, on a port that the system chooses; yields the port.

    The sockets listen before the port is known, so there is nothing to wait for.
    """
    warnings.simplefilter('ignore')
    for name in ('http_proxy', 'https_proxy', 'all_proxy'):
        for variant in (name, name.upper()):
            os.environ.pop(variant, None)
    from pywb.apps.frontendapp import FrontEndApp
    from pywb.utils.geventserver import GeventServer, RequestURIWSGIHandler

    application = FrontEndApp()
    server = GeventServer(application, port=0, hostname='127.0.0.1',
                          handler_class=RequestURIWSGIHandler)
    try:
        yield server.port
    finally:
        server.stop()
        application.warcserver_server.stop()


def remove_content_codings(body, content_encoding):
    """The body without the codings that Content-Encoding names, the last first."""
    codings = [coding.strip().lower() for coding in content_encoding.split(',')]
    for coding in reversed([coding for coding in codings if coding not in ('', 'identity')]):
        if coding in ('gzip', 'x-gzip'):
            members = io.BytesIO()
            while body:
                decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
                members.write(decompressor.decompress(body))
                if not decompressor.eof:
                    raise Failure('the gzip coding is cut off')
                body = decompressor.unused_data
            body = members.getvalue()
        elif coding == 'deflate':
            try:
                body = zlib.decompress(body)
            except zlib.error:
                body = zlib.decompress(body, -zlib.MAX_WBITS)
        elif coding == 'br':
            import brotli
            body = brotli.decompress(body)
        elif coding == 'zstd':
            import zstandard
            body = zstandard.ZstdDecompressor().stream_reader(
                io.BytesIO(body), read_across_frames=True).read()
        else:
            raise Failure(f'this script cannot undo the content coding {coding}')
    return body


def request_capture(port, timestamp, url, accepted):
    """The status, the headers and the body of a capture as pywb replays it, not rewritten."""
    path = f'/{COLLECTION}/{timestamp}id_/{url}'
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    try:
        connection.putrequest('GET', path, skip_accept_encoding=True)
        connection.putheader('Accept-Encoding', accepted)
        connection.putheader('Connection', 'close')
        connection.endheaders()
        response = connection.getresponse()
        try:
            body = response.read()
        except http.client.IncompleteRead as error:
            # pywb passes Content-Length on, also where the body was truncated or never sent.
            body = error.partial
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f'{path}: {error!r}') from None
    finally:
        connection.close()
    # pywb replays the next best capture if this one cannot be loaded. Only the timestamp says so:
    # pywb spells some URLs in its own way.
    replayed = response.headers.get('Content-Location', '')
    if f'/{COLLECTION}/{timestamp}id_/' not in replayed:
        page = re.sub(r'\s+', ' ', re.sub('<[^>]*>', ' ', body.decode('latin-1'))).strip()
        raise Failure(f'{path}: not replayed: status {response.status}, '
                      f'Content-Location: {replayed or "none"}: {page[:500]}')
    return response.status, response.headers, body


def replay(path, pairs, earlier, coded):
    """Compares the bodies that pywb replays with the expected ones.

    The codings of the capture are accepted, so that pywb passes the payload on as it is in the
    record (it knows fewer codings than the web); they are undone here, as the client is told
    by Content-Encoding. With coded, the payload is compared as it is.
    """
    files = [*earlier, path]
    records = [read_records(file) for file in files]
    wanted = [(url, find_capture(records[-1], url), open(expected, 'rb').read())
              for url, expected in pairs]
    codings = {value for file in records for record in file if record.type in CAPTURE_TYPES
               for message in [parse_message(record.block)] if message
               for value in message.values('Content-Encoding')}
    accepted = ', '.join(sorted(codings | {'identity'}))

    problems = []
    output = io.StringIO()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as directory:
        copies = []
        for number, file in enumerate(files):
            extension = '.warc.gz' if file.endswith('.gz') else '.warc'
            copies.append(shutil.copyfile(file, os.path.join(directory, f'{number}{extension}')))
        try:
            os.chdir(directory)
            with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
                timestamps = make_collection(copies)
                with pywb_server() as port:
                    for url, record, expected in wanted:
                        try:
                            timestamp = timestamps.get((os.path.basename(copies[-1]),
                                                        record.offset))
                            if timestamp is None:
                                raise Failure("not in pywb's index")
                            status, headers, body = request_capture(
                                port, timestamp, record.target_uri, accepted)
                            if not coded:
                                body = remove_content_codings(
                                    body, headers.get('Content-Encoding', ''))
                            compare_capture(record, status, body, expected)
                        except Failure as failure:
                            problems += [f'{url}: {record}: {reason}' for reason in failure.args]
        finally:
            os.chdir(here)
    if problems:
        raise Failure(*problems, *(f'pywb: {line}' for line in output.getvalue().splitlines()))


def compare_capture(record, status, body, expected):
    """Fails unless what was replayed is what was expected."""
    message = parse_message(record.block)
    if message and message.status != status:
        raise Failure(f'replayed with status {status}, archived with {message.status}')
    if body != expected:
        common = next((at for at, (a, b) in enumerate(zip(body, expected)) if a != b),
                      min(len(body), len(expected)))
        raise Failure(f'{len(body)} bytes replayed, {len(expected)} expected; '
                      f'different from byte {common} on: {body[common:common + 40]!r}, '
                      f'expected {expected[common:common + 40]!r}')


# ---------------------------------------------------------------------------------------------
# list, block
# ---------------------------------------------------------------------------------------------

def list_records(path):
    """One line of JSON for each record."""
    for record in read_records(path):
        print(json.dumps({
            'type': record.type,
            'target_uri': record.target_uri,
            'version': record.version,
            'headers': record.headers,
            'block_length': len(record.block),
            'offset': record.offset,
            'length': record.length,
        }))


def write_block(path, id):
    """The block of a record, as it is, on standard output."""
    for record in read_records(path):
        if record.id.strip('<>') == id.strip('<>'):
            sys.stdout.buffer.write(record.block)
            return
    raise Failure(f'no record {id}')


# ---------------------------------------------------------------------------------------------

def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest='command', required=True)
    for name, help in (
            ('check', 'headers, digests, references, one gzip member a record'),
            ('recompress', 'warcio recompress accepts it'),
            ('index', 'cdxj-indexer finds every capture'),
            ('replay', 'pywb replays bodies byte for byte'),
            ('list', 'a line of JSON for each record'),
            ('block', "a record's block on standard output")):
        command = commands.add_parser(name, help=help)
        command.add_argument('file', metavar='FILE')
        if name == 'block':
            command.add_argument('id', metavar='RECORD-ID')
        if name in ('check', 'replay'):
            command.add_argument('--earlier', metavar='FILE', action='append', default=[],
                                 help='where the originals of revisit records may be')
        if name == 'replay':
            command.add_argument('--coded', action='store_true',
                                 help='compare before the content coding is undone')
            command.add_argument('pairs', metavar='URL|RECORD-ID EXPECTED', nargs='+')
    arguments = parser.parse_args()
    if arguments.command == 'replay' and len(arguments.pairs) % 2:
        parser.error('every URL needs a file with the expected body')
    return arguments


def main():
    arguments = parse_arguments()
    try:
        if arguments.command == 'check':
            check(arguments.file, arguments.earlier)
        elif arguments.command == 'recompress':
            recompress(arguments.file)
        elif arguments.command == 'index':
            index(arguments.file)
        elif arguments.command == 'replay':
            pairs = list(zip(arguments.pairs[::2], arguments.pairs[1::2]))
            replay(arguments.file, pairs, arguments.earlier, arguments.coded)
        elif arguments.command == 'list':
            list_records(arguments.file)
        elif arguments.command == 'block':
            write_block(arguments.file, arguments.id)
    except Failure as failure:
        print(*failure.args, sep='\n', file=sys.stderr)
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
