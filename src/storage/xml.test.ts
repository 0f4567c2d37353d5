/** Listings of S3 and Azure as their servers write them, and what is no listing. */
import { describe, expect, test } from 'vitest';
import { blockList, readListPage as readAzurePage } from './azure/xml.ts';
import { completeUpload, readListPage as readS3Page, readUploadId } from './s3/xml.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('S3', () => {
  test('a page with encoded names, entities and a next one', () => {
    const page = readS3Page(
      bytes(`<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
        <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1/a+b==</NextContinuationToken>
        <Contents><Key>a+b/%E6%97%A5%2B1.jpg</Key><ETag>&#34;0123&#34;</ETag><Size>12345678901</Size></Contents>
        <Contents><Key>007</Key><ETag>"ab-2"</ETag><Size>0</Size></Contents></ListBucketResult>`),
      'x',
    );
    expect(page).toEqual({
      entries: [
        { path: 'a b/日+1.jpg', size: 12345678901, version: '0123' },
        { path: '007', size: 0, version: 'ab-2' },
      ],
      next: '1/a+b==',
    });
  });

  test('names as they are, where the server does not encode them; no ETag', () => {
    const page = readS3Page(
      bytes(
        '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key> a&amp;b+%41 </Key><Size>1</Size><LastModified>1970-01-01T00:00:01Z</LastModified></Contents></ListBucketResult>',
      ),
      'x',
    );
    expect(page).toEqual({ entries: [{ path: ' a&b+%41 ', size: 1, version: '1-1000' }], next: undefined });
  });

  test('an empty bucket', () => {
    const page = readS3Page(bytes('<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>'), 'x');
    expect(page).toEqual({ entries: [], next: undefined });
  });

  test.each([
    '<html><body>hello</body></html>',
    'no XML at all',
    '<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>',
    '<ListBucketResult><Contents><Key>a</Key><Size>many</Size></Contents></ListBucketResult>',
    '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
  ])('%s is no page', (text) => {
    expect(() => readS3Page(bytes(text), 'x')).toThrow(expect.objectContaining({ code: 'answer_invalid' }));
  });

  test('uploads', () => {
    const begun = '<InitiateMultipartUploadResult><UploadId>abc=</UploadId></InitiateMultipartUploadResult>';
    expect(readUploadId(bytes(begun), 'x')).toBe('abc=');
    expect(() => readUploadId(bytes('<Error/>'), 'x')).toThrow();
    expect(completeUpload(['"a"', '"b"'])).toBe(
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part><Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag></Part></CompleteMultipartUpload>',
    );
  });
});

describe('Azure', () => {
  test('a page with folders that are no files, an encoded name and a next one', () => {
    const page = readAzurePage(
      bytes(`\uFEFF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="c"><Blobs>
        <Blob><Name>dir</Name><Properties><Content-Length>0</Content-Length><ResourceType>directory</ResourceType></Properties></Blob>
        <Blob><Name>old</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>
        <Blob><Name>dir/a &amp; b.jpg</Name><Properties><Content-Length>7</Content-Length><Etag>0x8D1</Etag></Properties></Blob>
        <Blob><Name Encoded="true">%EF%BF%BE</Name><Properties><Content-Length>1</Content-Length><Last-Modified>Thu, 01 Jan 1970 00:00:01 GMT</Last-Modified></Properties></Blob>
        </Blobs><NextMarker>2!88!x</NextMarker></EnumerationResults>`),
      'x',
    );
    expect(page).toEqual({
      entries: [
        { path: 'dir/a & b.jpg', size: 7, version: '0x8D1' },
        { path: '\uFFFE', size: 1, version: '1-1000' },
      ],
      next: '2!88!x',
    });
  });

  test.each([
    '<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>',
    '<EnumerationResults><Blobs></Blobs></EnumerationResults>',
  ])('an empty container: %s', (text) => {
    expect(readAzurePage(bytes(text), 'x')).toEqual({ entries: [], next: undefined });
  });

  test.each([
    '<html/>',
    'text',
    '<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>',
  ])('%s is no page', (text) => {
    expect(() => readAzurePage(bytes(text), 'x')).toThrow(
      expect.objectContaining({ code: 'answer_invalid' }),
    );
  });

  test('a list of blocks', () => {
    expect(blockList(['YQ==', 'Yg=='])).toContain(
      '<Uncommitted>YQ==</Uncommitted><Uncommitted>Yg==</Uncommitted>',
    );
  });
});
